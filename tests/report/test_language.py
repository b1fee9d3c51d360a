"""Korean: every message whole, particles by the last sound, findings of every verdict, and what stays as it is."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.figure import Figure

from benchmarks.statistics.planted import families
from benchmarks.statistics.planted.study import CONTEXT
from fitscape.study.cli import main
from fitscape.study.findings import QUESTIONS, Verdict, all_findings
from fitscape.study.report import language, wording
from fitscape.study.report.figures.spoken import put_into_words
from fitscape.study.report.language.page import translated
from fitscape.study.report.language.particles import chosen

KOREAN = language.catalogue("ko")
KINDS = [(family, kind) for family, kinds in families().items() for kind in kinds]
NAMES = re.compile(  # of nets, people, methods and formats, which stay in Latin letters
    r"ResNet|DenseNet|(?<![a-z])(?:[Pp]lain|resnet|densenet|batch|group|he|glorot|gaussian|none|timm)(?![a-z])|HC3|"
    r"[A-Z][a-z]+(?= 외| 2\d{3}|와 [A-Z])|Girshick|Dollar|Prechelt|\bHe\b|\bNg\b|"
    r"Machine Learning Yearning|Fitscape|regime|degradation"
)


def english(text: str) -> list[str]:
    """Words of a Korean text that somebody forgot."""
    return re.findall(r"[A-Za-z]{2,}", NAMES.sub("", text))


@pytest.mark.parametrize(
    ("before", "topic", "subject", "object_", "to"),
    [
        ("너비", "너비는", "너비가", "너비를", "너비로"),
        ("신경망", "신경망은", "신경망이", "신경망을", "신경망으로"),
        ("학습률", "학습률은", "학습률이", "학습률을", "학습률로"),
        ("ResNet18", "ResNet18은", "ResNet18이", "ResNet18을", "ResNet18로"),  # 십팔
        ("plain-20", "plain-20은", "plain-20이", "plain-20을", "plain-20으로"),  # 이십
        ("DenseNet169", "DenseNet169는", "DenseNet169가", "DenseNet169를", "DenseNet169로"),  # 구
        ("1,000", "1,000은", "1,000이", "1,000을", "1,000으로"),
        ("0.5", "0.5는", "0.5가", "0.5를", "0.5로"),
        ("0.10", "0.10은", "0.10이", "0.10을", "0.10으로"),
        ("5.2\u00a0%", "5.2\u00a0%는", "5.2\u00a0%가", "5.2\u00a0%를", "5.2\u00a0%로"),
        ("resnet", "resnet은", "resnet이", "resnet을", "resnet으로"),
        ("batch_norm", "batch_norm은", "batch_norm이", "batch_norm을", "batch_norm으로"),
        ("dropout", "dropout은", "dropout이", "dropout을", "dropout으로"),
        ("mixup", "mixup은", "mixup이", "mixup을", "mixup으로"),
        ("label", "label은", "label이", "label을", "label로"),
        ("cosine", "cosine은", "cosine이", "cosine을", "cosine으로"),
        ("size", "size는", "size가", "size를", "size로"),
        ("SGD", "SGD는", "SGD가", "SGD를", "SGD로"),
        ("URL", "URL은", "URL이", "URL을", "URL로"),
        ("<b>digits</b>", "<b>digits</b>는", "<b>digits</b>가", "<b>digits</b>를", "<b>digits</b>로"),
        (
            "열화(degradation)",
            "열화(degradation)는",
            "열화(degradation)가",
            "열화(degradation)를",
            "열화(degradation)로",
        ),
    ],
)
def test_a_particle_follows_the_last_sound(before: str, topic: str, subject: str, object_: str, to: str) -> None:
    slots = ("[은/는]", "[이/가]", "[을/를]", "[으로/로]")
    assert [chosen(before + slot) for slot in slots] == [topic, subject, object_, to]


def test_every_message_keeps_its_places_and_its_markup() -> None:
    for message, korean in KOREAN.messages.items():
        for form in (r"\{\w+\}", r"</?\w+>"):
            assert sorted(set(re.findall(form, message))) == sorted(set(re.findall(form, korean))), message


def test_a_message_is_whole_or_its_parts_are_and_names_and_numbers_stay() -> None:
    said = {
        "validation error, plain18 - densenet121": "검증 오류, plain18 - densenet121",
        "width 0.5, weight decay below 0.1\u00a0%": "너비 0.5, 가중치 감쇠 0.1\u00a0% 미만",
        "A finding about cats. The map shows where.": "A finding about cats. 어디서인지는 지도가 보여 줍니다.",
        "● good": "● 적합",
        "0.25": "0.25",
        "cats": "cats",
    }
    assert {text: KOREAN(text) for text in said} == said
    assert language.catalogue("en")("good") == "good"


@pytest.mark.parametrize(("family", "kind"), KINDS)
def test_no_word_of_a_finding_is_missing_in_any_verdict(family: str, kind: str) -> None:
    planted = families()[family][kind](np.random.default_rng(0))
    for measured in all_findings(planted.trials, planted.labels.values(), CONTEXT):
        for verdict in Verdict:
            one = replace(measured, verdict=verdict)
            for text in (
                one.claim,
                wording.sentence(wording.nets(one.said)),
                one.sentence,
                one.explanation,
                one.unit,
                one.test,
                one.source,
                one.population,
            ):
                assert not english(KOREAN(wording.nets(text))), KOREAN(wording.nets(text))


@pytest.mark.parametrize(
    ("english_text", "korean"),
    [
        (
            "At 10 images per class all stages end at 0 % training and 19 % validation error, the head alone at 1.6 % "
            "and 31 %.",
            "클래스당 이미지 10장에서 모든 단계의 훈련 오류는 0\u00a0%, 검증 오류는 19\u00a0%이고, 머리만의 것은 "
            "1.6\u00a0%, 31\u00a0%입니다.",
        ),
        (
            "At 1,000 images per class the validation error is 6.8 % with all stages, 6.5 % with layer3 and what "
            "follows, 19 % with the head alone tuned, over 5 seeds.",
            "클래스당 이미지 1,000장에서 시드 5개의 검증 오류는 모든 단계 6.8\u00a0%, layer3부터 6.5\u00a0%, 머리만 "
            "19\u00a0%입니다.",
        ),
        (
            "The weights bring +2.5 points at 10 images per class, -0.8 points at 50 images per class. At the most "
            "images it is above 1.0 points: from where on it stays below is not known (95 %: 13 to more than 1,000 "
            "images per class).",
            "가중치의 이득: 클래스당 이미지 10장에서 +2.5 포인트, 클래스당 이미지 50장에서 -0.8 포인트. 이미지가 가장 "
            "많을 때 1.0 포인트 초과입니다. 어디서부터 그 아래에 머무는지는 알 수 없습니다(95\u00a0%: 클래스당 이미지 "
            "13장~1,000장 초과).",
        ),
        (
            "At 10 images per class ResNet18 overfits with all stages tuned and underfits with the head alone",
            "클래스당 이미지 10장에서 ResNet18은 모든 단계를 조정하면 과적합하고 머리만을 조정하면 과소적합한다",
        ),
    ],
)
def test_lists_and_numbers_of_images_stay_where_they_belong(english_text: str, korean: str) -> None:
    assert KOREAN(english_text) == korean


def test_a_place_for_an_interval_ends_with_its_sentence() -> None:
    """Both sentences have one: it must not take what stands between them."""
    measured = (
        "This configuration was trained in 5 runs; validation error measured: 4.9 % on average, 3.8 % to 5.6 % in "
        "single runs. Training error measured: 2.2 % on average, 1.6 % to 2.9 % in single runs."
    )
    assert not english(KOREAN(measured)), KOREAN(measured)
    assert "3.8\u00a0%~5.6\u00a0%" in KOREAN(measured)


def test_no_word_of_a_question_is_missing() -> None:
    for question in QUESTIONS.values():
        asked = KOREAN(f"{question.asked} <strong>3 claims: 1 supported, 1 undecided, 1 with too few runs.</strong>")
        assert not english(re.sub("</?strong>", "", asked)), asked
        said = [KOREAN(text) for text in (question.title, question.needs, question.takes)]
        assert not english(" ".join(said)), question.name


def test_what_the_user_named_what_scripts_hold_and_what_is_escaped_stay_as_they_are() -> None:
    page = (
        '<h1 translate="no">good <i>good</i> good</h1><p>good</p><td translate="no">good</td><td>good</td>'
        '<script>good</script><img alt="Errors by class"><p>Use <b>&lt;i&gt;</b>.</p><p>Seeds <br> good</p>'
    )
    assert translated(page, KOREAN) == (
        '<h1 translate="no">good <i>good</i> good</h1><p>적합</p><td translate="no">good</td><td>적합</td>'
        '<script>good</script><img alt="클래스별 오류"><p><b>&lt;i&gt;</b>를 쓰십시오.</p><p>시드 <br> 적합</p>'
    )


@pytest.mark.parametrize("installed", [True, False])
def test_a_picture_is_korean_where_a_font_has_the_letters(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    dejavu = next(font for font in font_manager.fontManager.ttflist if font.name == "DejaVu Sans")
    fonts = [dejavu, *([replace(dejavu, name="NanumGothic")] if installed else [])]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)
    figure = Figure()
    axes = figure.add_subplot()
    axes.set(title="Loss", xlabel="epoch", ylabel="log10 of the first layer's\ngradient norm at the start")
    put_into_words(figure, KOREAN)
    words = [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    assert [bool(english(text.replace("log10", ""))) for text in words] == [not installed] * 3
    assert ("NanumGothic" in axes.title.get_fontfamily()) is installed


@pytest.mark.parametrize("asked", ["ko", "ko_KR.UTF-8", "ko-KR"])
def test_the_language_is_that_of_the_environment(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(language.VARIABLE, asked)
    assert language.say("good") == "적합"
    assert language.aligned("regimes  3 good, 1 overfit") == "레짐  적합 3, 과적합 1"


def test_an_unknown_language_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(language.VARIABLE, "")
    with pytest.raises(SystemExit) as ended:
        main(["list", "studies", "--root", str(tmp_path), "--lang", "xx"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "fitscape: --lang: no language 'xx' (it is one of en, ko)\n"
