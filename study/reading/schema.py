"""The JSON Schema of a study's YAML; ``study/study.schema.json`` is this, written down for editors."""

from pathlib import Path
from typing import Any

from fitscape.models.spec import CHOICES, TIMM_FAMILY, architectures
from fitscape.study.config import HYPERPARAMETERS, StudyConfig

SHIPPED = Path(__file__).parents[1] / "study.schema.json"


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12. It knows every key, type and bound; which hyperparameters go together is checked later."""
    schema = StudyConfig.model_json_schema()
    properties = schema["properties"]
    hyperparameters = sorted(HYPERPARAMETERS)
    for branch in properties["space"]["anyOf"]:
        if branch["type"] == "object":
            branch["propertyNames"] = {"enum": hyperparameters}
    properties["enqueue"]["items"] = {"type": "object", "propertyNames": {"enum": hyperparameters}}
    model = schema["$defs"]["ModelSpec"]["properties"]
    for name in CHOICES:
        words = [*CHOICES[name], None] if name == "shortcut" else list(CHOICES[name])
        kept = {key: model[name][key] for key in ("default", "title", "description")}
        model[name] = {"enum": words, **kept}
    named = model["family"].pop("enum")
    model["family"] = {"anyOf": [{"enum": named}, {"type": "string", "pattern": f"^{TIMM_FAMILY}$"}], **model["family"]}
    known = f" `architecture` is one of {', '.join(architectures())}, or timm:NAME."
    schema["$defs"]["Choices"]["description"] += known
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Fitscape study"}
