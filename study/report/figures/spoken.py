"""A picture in the language of its report."""

from typing import Final

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.text import Text

from fitscape.study.report.language.catalogue import Catalogue

FONTS: Final = {  # language -> families that have its letters, preferred ones first
    "ko": (
        *("Noto Sans KR", "Noto Sans CJK KR", "Noto Sans CJK JP", "Source Han Sans KR", "Pretendard"),
        *(
            "NanumGothic",
            "Nanum Gothic",
            "Malgun Gothic",
            "AppleGothic",
            "Apple SD Gothic Neo",
            "UnDotum",
            "Baekmuk Dotum",
        ),
    )
}


def put_into_words(figure: Figure, catalogue: Catalogue) -> None:
    """Translate every text. Where no font has the letters the picture stays English: boxes say nothing."""
    installed = {font.name for font in font_manager.fontManager.ttflist}
    families = [name for name in FONTS.get(catalogue.language, ()) if name in installed]
    if not catalogue.messages or not families:
        return
    for text in figure.findobj(Text):
        words = " ".join(text.get_text().split("\n"))
        if (said := catalogue(words)) != words:
            text.set_text(said)
            text.set_fontfamily([*families, "DejaVu Sans"])
