"""A net taken away: it gives the trial's labels, takes pictures of any size with torch alone, and keeps the seal."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from own_code import BLOCKS, write
from own_code import NETS as NETS_OF_THEIR_OWN
from PIL import Image
from small_study import small_study

from fitscape.models.reference import CodeReference
from fitscape.models.spec import ModelSpec
from fitscape.study.cli import main
from fitscape.study.config import StudyConfig, TrialConfig
from fitscape.study.data import SealedData
from fitscape.study.data.splits import content_hashes
from fitscape.study.errors import UserError
from fitscape.study.files import LEDGER, NETS, SEEN, WEIGHTS
from fitscape.study.finalists import open_test
from fitscape.study.ledger import Ledger
from fitscape.study.nets import make_net, predict, recommended_trial
from fitscape.study.nets.make import best_trial
from fitscape.study.nets.network import Normalized, Pictures
from fitscape.study.nets.texts import loader
from fitscape.study.nets.write import CARD, EXPORTED, ONNX, PREPROCESS, README
from fitscape.study.opened import open_study
from fitscape.study.plugins import install
from fitscape.study.records import TrialRecord
from fitscape.study.regimes import final_record
from fitscape.study.report.advise import advised
from fitscape.study.weights import read_file

BLOCKED = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("fitscape", "torchvision", "timm", "mlflow", "ray", "safetensors"):
            raise ImportError(name)
sys.meta_path.insert(0, Blocked())
"""


def command(words: list[str]) -> object:
    """The exit code."""
    with pytest.raises(SystemExit) as left:
        main(words)
    return left.value.code


@pytest.fixture(scope="module")
def best(study: Path) -> TrialRecord:
    with Ledger.open(study / LEDGER, read_only=True) as ledger:
        found = best_trial(ledger.trials())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def made(study: Path, best: TrialRecord) -> tuple[Path, Pictures]:
    return make_net(study, best, onnx=True, regime="good")


def test_the_recommended_trial_has_the_lowest_validation_error(best: TrialRecord) -> None:
    assert best.config.optimization.lr == 0.1


def test_labels_and_errors_are_the_trials(made: tuple[Path, Pictures], best: TrialRecord, digits: SealedData) -> None:
    folder, _ = made
    data, record = digits.trial_data, final_record(best)
    assert record is not None
    agreement = json.loads((folder / PREPROCESS).read_text())["agreement"]
    assert agreement == {"share": 1.0, "images": len(data.val_labels)}
    net = torch.export.load(folder / EXPORTED).module()
    wrong = net(data.val_images).argmax(1) != data.val_labels
    assert float(wrong.double().mean()) == pytest.approx(record.val_error)
    card = (folder / CARD).read_text()
    assert f"| all | {record.val_error:.4f} |" in card
    assert "Regime of the trial:** good." in card
    assert "gave another validation error" not in card


def test_pictures_of_five_sizes_by_the_readmes_lines_with_torch_alone(
    made: tuple[Path, Pictures], digits: SealedData, tmp_path: Path
) -> None:
    folder, _ = made
    lines = loader(1)
    assert len(lines.splitlines()) <= 10
    assert lines in (folder / README).read_text()
    image = Image.fromarray(digits.trial_data.val_images[0, 0].numpy())
    sizes = [(8, 8), (16, 16), (31, 31), (64, 64), (200, 200)]
    files = [tmp_path / f"{i}.png" for i in range(len(sizes))]
    for i, (file, size) in enumerate(zip(files, sizes, strict=True)):
        resized = image.resize(size, Image.Resampling.BICUBIC)
        (resized.convert("RGB") if i % 2 else resized).save(file)
    told = subprocess.run(
        [sys.executable, "-c", BLOCKED + lines, *map(str, files)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    answers = [line.rsplit(" ", 2)[1:] for line in told.stdout.splitlines()]
    ours = list(predict(folder, files))
    assert [name for name, _ in answers] == [each.probabilities[0][0] for each in ours]
    assert [float(p) for _, p in answers] == pytest.approx([each.probabilities[0][1] for each in ours], abs=0.05)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_net_takes_grey_and_colour_and_cuts_the_middle_square(channels: int) -> None:
    class First(torch.nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels.flatten(1)

    net = Pictures(Normalized([First()], [1.0]), channels, 4, 4)
    grey = torch.randint(0, 256, (2, 1, 4, 8), dtype=torch.uint8)
    expected = grey[:, :, :, 2:6].float().expand(-1, channels, -1, -1).flatten(1)
    assert torch.equal(net(grey), expected)
    assert torch.equal(net(grey.expand(-1, 3, -1, -1)), expected)
    assert torch.equal(net(grey.transpose(2, 3)), expected.view(2, channels, 4, 4).transpose(2, 3).flatten(1))


def test_colours_become_grey_as_pillow_makes_them() -> None:
    net = Pictures(Normalized([torch.nn.Identity()], [1.0]), 1, 5, 5)
    colours = torch.randint(0, 256, (1, 3, 5, 5), dtype=torch.uint8)
    theirs = np.asarray(Image.fromarray(colours[0].permute(1, 2, 0).numpy()).convert("L"))
    assert np.array_equal(net(colours)[0, 0].numpy(), theirs)


def test_onnx_gives_the_logits_of_the_net(made: tuple[Path, Pictures], digits: SealedData) -> None:
    import onnxruntime

    folder, net = made
    pixels = digits.trial_data.val_images[:7].float()
    session = onnxruntime.InferenceSession(folder / ONNX, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"pixels": pixels.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(theirs, net.net(pixels).numpy(), atol=1e-4)


def test_the_weights_say_what_they_are_and_what_they_have_seen(made: tuple[Path, Pictures], digits: SealedData) -> None:
    folder, net = made
    state, about = read_file(folder / WEIGHTS)
    member = net.net.members[0]
    assert all(torch.equal(tensor, state[name]) for name, tensor in member.net.state_dict().items())  # type: ignore[union-attr, operator]
    assert about["model"]["width"] == 0.25
    assert about["classes"] == list(digits.trial_data.classes)
    hashes = content_hashes(digits.trial_data.train_images.numpy())
    assert np.array_equal(np.load(folder / SEEN), np.unique(hashes))
    assert digits.known(np.load(folder / SEEN))["validation"] == 0


def test_no_test_part_is_opened(made: tuple[Path, Pictures], digits: SealedData) -> None:
    assert not (Path(digits.summary()["folder"]).parent / "test-openings.jsonl").exists()


@pytest.mark.ci
def test_an_ensemble_on_all_but_test_takes_its_errors_from_twins(
    study: Path, best: TrialRecord, digits: SealedData, tmp_path: Path
) -> None:
    said: list[str] = []
    study = shutil.copytree(study, tmp_path / "tens", ignore=shutil.ignore_patterns(NETS))
    folder, net = make_net(study, best, seeds=2, with_validation=True, say=said.append)
    data = digits.trial_data
    assert [line.split(" on ")[1] for line in said] == [
        *[f"{len(data.train_labels)} images"] * 2,
        *[f"{len(data.train_labels) + len(data.val_labels)} images"] * 2,
    ]
    assert sorted(p.name for p in folder.glob("*.safetensors")) == ["weights-1.safetensors", WEIGHTS]
    assert json.loads((folder / PREPROCESS).read_text())["agreement"]["share"] == 1.0
    members = [member.eval() for member in net.net.members]
    with torch.inference_mode():
        images = data.val_images[:5]
        scaled = [m(images) / t for m, t in zip(members, net.net.temperatures, strict=True)]
        expected = torch.stack([each.softmax(1) for each in scaled]).mean(0)
        torch.testing.assert_close(net(images).softmax(1), expected)
    assert digits.known(np.load(folder / SEEN))["validation"] == len(data.val_labels)
    assert "a twin that was trained without the validation images" in (folder / CARD).read_text()
    assert [p.name for p in (study / NETS).iterdir()] == [best.trial_id]


def test_opening_the_test_part_takes_the_written_net(
    study: Path, made: tuple[Path, Pictures], best: TrialRecord, digits: SealedData, tmp_path: Path
) -> None:
    folder = tmp_path / "tens"
    shutil.copytree(study, folder)
    shutil.copytree(folder / NETS / best.trial_id, folder / NETS / "zzz")  # recommended, and run by no trial
    with Ledger.open(folder / LEDGER) as ledger:
        errors = open_test(ledger, reason="the net's own error", data=digits)
    *finalists, net, untried = errors
    assert net.net == str(folder / NETS / best.trial_id)
    assert (net.trial_id, net.test_error) == (best.trial_id, finalists[0].test_error)
    assert untried == replace(net, trial_id="zzz", net=str(folder / NETS / "zzz"))


def test_the_recommended_net_is_the_one_that_the_report_recommends(tmp_path: Path) -> None:
    with open_study(small_study(tmp_path)) as opened:
        chosen = recommended_trial(opened.trials, opened.map, opened.config.base)
        point, _, _ = advised(opened)
        assert chosen is not None
        assert chosen.config == opened.config.base.with_hyperparameters(point)
        assert chosen.trial_id not in {trial.trial_id for trial in opened.trials}
        ran = opened.trials[0]
        run = TrialRecord(**{**vars(ran), "config": chosen.config, "trial_id": chosen.trial_id})
        assert recommended_trial([*opened.trials, run], opened.map, opened.config.base) is run
        assert recommended_trial(opened.trials, None, opened.config.base) == best_trial(opened.trials)


def test_what_cannot_be_written_is_refused_before_anything_is_trained(
    study: Path, best: TrialRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitscape.study.nets.make.train_again", None)
    monkeypatch.setattr("fitscape.study.nets.write.find_spec", lambda name: None if name == "onnx" else object())
    with pytest.raises(UserError, match=r"^--onnx: onnx is not installed \(pip install 'onnx.*\)$"):
        make_net(study, best, onnx=True)


def test_a_network_of_the_users_own_can_be_imported_when_it_is_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(folder: Path, trial: TrialRecord, **options: object) -> None:
        raise UserError(f"{CodeReference.parse(trial.config.model.family).load().__name__} would be trained")

    code = write(tmp_path, my_nets=NETS_OF_THEIR_OWN, blocks=BLOCKS) / "my_nets.py"
    base = TrialConfig(model=ModelSpec(family="my_nets.py:SmallNet", keywords={"width": 4}))
    (tmp_path / "own").mkdir()
    with Ledger.create(
        tmp_path / "own" / LEDGER,
        StudyConfig(name="own", plugins=(str(code),), base=base),
        {"data_fingerprint": "f", "chance_error": 0.9, "data": {"classes": ["a", "b"]}},
    ) as ledger:
        trial = ledger.add_trial(base, {}, "enqueue").trial_id
    monkeypatch.setattr("fitscape.study.nets.make_net", train)
    try:
        assert command(["net", "own", "--root", str(tmp_path), "--trial", trial]) == 2
    finally:
        install(None)
    assert "SmallNet would be trained" in capsys.readouterr().err


def test_the_commands_write_a_net_and_predict_with_it(
    study: Path, best: TrialRecord, digits: SealedData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tens"
    shutil.copytree(study, folder, ignore=shutil.ignore_patterns(NETS))
    assert command(["net", "tens", "--root", str(tmp_path)]) == 2
    assert "give one of --trial ID and --recommended" in capsys.readouterr().err
    assert command(["net", "tens", "--root", str(tmp_path), "--trial", "000000000000"]) == 2
    assert "no trial is called '000000000000'" in capsys.readouterr().err
    assert command(["net", "tens", "--root", str(tmp_path), "--recommended", "--register", "a/b"]) == 2
    assert "--register: 'a/b' is not a name for a registered model" in capsys.readouterr().err
    assert command(["net", "tens", "--root", str(tmp_path), "--recommended"]) == 0
    said = capsys.readouterr().out
    written = folder / NETS / best.trial_id
    assert f"net     {written}" in said
    assert "labels agree with the trial's on 100.00 % of" in said
    assert (folder / "models" / best.trial_id / "MLmodel").is_file()
    data = digits.trial_data
    Image.fromarray(data.val_images[0, 0].numpy()).save(tmp_path / "picture.png")
    assert command(["predict", str(folder), str(tmp_path / "picture.png"), str(tmp_path / "none.png")]) == 2
    first, second = capsys.readouterr().out.splitlines()
    name, probability = first.split("  ")[1].split(", ")[0].split(" ")
    with torch.inference_mode():
        expected = torch.export.load(written / EXPORTED).module()(data.val_images[:1]).softmax(1)[0]
    assert name == data.classes[int(expected.argmax())]
    assert float(probability) == pytest.approx(float(expected.max()), abs=1e-3)
    assert second.endswith("none.png  is not there")
