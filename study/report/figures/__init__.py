"""Still pictures of a study, for MLflow and for documents."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg

from fitscape.study.files import whole_file
from fitscape.study.report.figures.architectures import error_by_budget
from fitscape.study.report.figures.curves import learning_curves
from fitscape.study.report.figures.depth import training_error_by_depth
from fitscape.study.report.figures.double_descent import errors_by_width
from fitscape.study.report.figures.early_overfit import late_epochs
from fitscape.study.report.figures.finetune import errors_by_images
from fitscape.study.report.figures.gradient_depth import gradients_by_depth
from fitscape.study.report.figures.memorization import errors_by_label_noise
from fitscape.study.report.figures.regime_map import regime_map
from fitscape.study.report.figures.spoken import put_into_words
from fitscape.study.report.language import catalogue
from fitscape.study.report.subject import Subject

DRAWERS = {
    "regime_map": regime_map,
    "learning_curves": learning_curves,
    "degradation": training_error_by_depth,
    "gradients": gradients_by_depth,
    "architectures": error_by_budget,
    "memorization": errors_by_label_noise,
    "double_descent": errors_by_width,
    "early_overfit": late_epochs,
    "finetune": errors_by_images,
}

DPI = 150
SMALL = {"regime_map": 75}  # dots per inch of a second, smaller copy, NAME_small.png


def save(subject: Subject, folder: Path) -> list[Path]:
    """Draw what the study has data for, as ``folder/NAME.png``; a picture that has none is taken away.

    Raises:
        OSError: the folder cannot be written.
    """
    found = []
    for name, drawer in DRAWERS.items():
        sizes = {name: DPI} | ({f"{name}_small": SMALL[name]} if name in SMALL else {})
        figure = drawer(subject)
        if figure is not None:
            put_into_words(figure, catalogue())
        for file, dpi in sizes.items():
            to = folder / f"{file}.png"
            if figure is None:
                to.unlink(missing_ok=True)
                continue
            figure.set_dpi(dpi)
            if engine := figure.get_layout_engine():  # once; the smaller copy is laid out as the picture was
                engine.execute(figure)
                figure.set_layout_engine("none")
            with whole_file(to) as partial:  # not savefig, which draws it once more before, for a layout
                FigureCanvasAgg(figure).print_png(partial, metadata={"Software": None})
            found.append(to)
    return found
