"""The JSON Schema of a study's YAML; ``study/study.schema.json`` is this, written down for editors."""

from inspect import getdoc
from pathlib import Path
from typing import Any

from fitscape.models.reference import WORD
from fitscape.models.spec import CHOICES, OWN_FAMILY, TIMM_FAMILY, ModelSpec, architectures
from fitscape.study.config import HYPERPARAMETERS, StudyConfig

SHIPPED = Path(__file__).parents[1] / "study.schema.json"


def json_schema() -> dict[str, Any]:
    """JSON Schema 2020-12. It knows every key, type and bound; which hyperparameters go together is checked later."""
    schema = StudyConfig.model_json_schema()
    properties = schema["properties"]
    # Names of ours for an editor to offer, or a keyword of the user's own network.
    hyperparameters = {"anyOf": [{"enum": sorted(HYPERPARAMETERS)}, {"pattern": f"^{WORD}$"}]}
    for branch in properties["space"]["anyOf"]:
        if branch["type"] == "object":
            branch["propertyNames"] = hyperparameters
    properties["enqueue"]["items"] = {"type": "object", "propertyNames": hyperparameters}
    spec = {"description": getdoc(ModelSpec), **schema["$defs"]["ModelSpec"]}  # a dataclass: older pydantic is silent
    schema["$defs"]["ModelSpec"] = dict(sorted(spec.items()))
    model = spec["properties"]
    for name in CHOICES:
        words = [*CHOICES[name], None] if name == "shortcut" else list(CHOICES[name])
        kept = {key: model[name][key] for key in ("default", "title", "description")}
        model[name] = {"enum": words, **kept}
    named = model["family"].pop("enum")
    foreign = [{"type": "string", "pattern": f"^{pattern}$"} for pattern in (TIMM_FAMILY, OWN_FAMILY)]
    model["family"] = {"anyOf": [{"enum": named}, *foreign], **model["family"]}
    known = f" `architecture` is one of {', '.join(architectures())}, timm:NAME or FILE.py:NAME."
    schema["$defs"]["Choices"]["description"] += known
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "Fitscape study"}
