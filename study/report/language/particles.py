"""Korean particles, which differ by the last sound of the word before them."""

import re
from typing import Final

_SLOT = re.compile(r"\[([가-힣]+)/([가-힣]+)\]")
_ASIDE = re.compile(r"(?:<[^>]*>|\([^()]*\)|[\s\"'”’)\]])+$")
_FIRST, _FINALS, _RIEUL = 0xAC00, 28, 8
_DIGITS: Final = {
    "0": "ㅇ",
    "1": "ㄹ",
    "2": "",
    "3": "ㅁ",
    "4": "",
    "5": "",
    "6": "ㄱ",
    "7": "ㄹ",
    "8": "ㄹ",
    "9": "",
}  # 영 일 이 삼 ...
_LETTERS: Final = {"L": "ㄹ", "M": "ㅁ", "N": "ㄴ", "R": "ㄹ"}  # 엘 엠 엔 알; all other letters' names end in a vowel


def chosen(text: str) -> str:
    """Each ``[은/는]`` replaced by the form that the word before it takes."""
    parts = _SLOT.split(text)
    said = parts[0]
    for with_final, without, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        sound = last_sound(said)
        vowel_like = not sound or (sound == "ㄹ" and with_final.startswith("으"))  # 서울로, not 서울으로
        said += (without if vowel_like else with_final) + rest
    return said


def last_sound(text: str) -> str:
    """The final consonant as a Korean says the text: ``ㄹ``, another jamo, or empty after a vowel.

    What stands in brackets is not said; digits are read one by one but for round numbers; names in Latin letters as
    Koreans write them (레즈넷, 드롭아웃, 코사인).
    """
    word = _ASIDE.sub("", text)
    if not word:
        return ""
    last = word[-1]
    if "가" <= last <= "힣":
        final = (ord(last) - _FIRST) % _FINALS
        return "" if not final else "ㄹ" if final == _RIEUL else "ㄱ"
    if last.isdigit():
        return _of_number(re.search(r"[\d.,]+$", word)[0])  # type: ignore[index]
    if last == "%":
        return ""  # 퍼센트
    latin = re.search(r"[A-Za-z]+$", word)
    return _of_name(latin[0]) if latin else ""


def _of_number(number: str) -> str:
    digits = number.replace(",", "")
    if "." not in digits and len(digits) > 1 and digits.endswith("0"):
        return "ㅂ"  # 십, 백, 천, 만, 억
    return _DIGITS.get(digits[-1:], "")


def _of_name(name: str) -> str:
    if len(name) == 1 or name.isupper():
        return _LETTERS.get(name[-1].upper(), "")
    name = name.lower()
    if name.endswith(("le", "me", "ne")):
        name = name[:-1]  # a silent e
    last, before = name[-1], name[-2:-1]
    if last == "l":
        return "ㄹ"
    if last in "mn" or name.endswith("ng"):
        return "ㄴ"
    if (last in "bckpt" and before in "aeiou") or name.endswith("ck"):
        return "ㄱ"
    return ""
