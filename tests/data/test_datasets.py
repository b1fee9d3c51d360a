"""The registry of data sets."""

import pytest

from fitscape.study.config import DataConfig
from fitscape.study.data import check_files, datasets
from fitscape.study.errors import UserError


def test_every_data_set_has_a_name_and_a_line() -> None:
    published, yours = ["digits", "fashion_mnist", "cifar10", "cifar100", "svhn"], ["folder", "csv", "hf", "upload"]
    assert datasets.names() == [*published, *yours]
    assert all(datasets.describe(name) for name in datasets.names())


@pytest.mark.parametrize(
    ("wrong", "meant"), [("cifar-10", "cifar10"), ("fashion", "fashion_mnist"), ("digts", "digits")]
)
def test_an_unknown_name_suggests_the_nearest_and_lists_all(wrong: str, meant: str) -> None:
    with pytest.raises(UserError, match=f"'{wrong}' is not a data set") as caught:
        check_files(DataConfig(dataset=wrong))
    assert f"did you mean {meant}?" in str(caught.value)
    assert "choose digits, fashion_mnist, cifar10, cifar100, svhn, folder:PATH" in str(caught.value)


@pytest.mark.parametrize("wrong", ["folder", "digits:8", ""])
def test_a_path_goes_with_folder_and_with_nothing_else(wrong: str) -> None:
    with pytest.raises(UserError, match="folder:PATH"):
        check_files(DataConfig(dataset=wrong))


def test_presence_of_the_built_in_set_needs_no_file() -> None:
    presence = check_files(DataConfig())
    assert (presence.dataset, presence.folder, presence.download) == ("digits", None, False)
