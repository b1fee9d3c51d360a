"""The page: sections rendered by jinja2, every value escaped."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from study.export import table
from study.report.subject import Subject


def render(subject: Subject) -> str:
    """The HTML document."""
    environment = Environment(
        loader=PackageLoader("study.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    rows = table(subject.trials, subject.labels, subject.space).astype(object)
    return environment.get_template("page.html.j2").render(
        config=subject.config, columns=list(rows), rows=rows.to_numpy().tolist(), findings=subject.findings
    )
