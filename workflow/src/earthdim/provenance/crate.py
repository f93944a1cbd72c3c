"""Describe an archived experiment as a Provenance Run Crate: files, data, software, the workflow and each of its jobs.

Leo et al. (2024), Recording provenance of workflow runs with RO-Crate, PLOS ONE; profiles of version 0.5.
"""

import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from earthdim.provenance import environment
from earthdim.provenance.chain import Record, is_result
from earthdim.provenance.record import environment_path
from earthdim.storage.digests import digest
from earthdim.storage.files import read_json

PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    "https://w3id.org/workflowhub/workflow-ro-crate/1.0": "Workflow RO-Crate",
}
# Not part of the RO-Crate 1.1 context.
TERMS = {"sha256": "https://w3id.org/ro/terms/workflow-run#sha256"}
LICENCE = "Code: MIT. Data sets and weights: each under the licence given in its entry."
COMPLETED = "http://schema.org/CompletedActionStatus"
# Suffixes unknown to the standard library.
FORMATS = {".safetensors": "application/octet-stream", ".yaml": "application/yaml", ".lock": "text/plain"}


@dataclass(frozen=True)
class Part:
    """A file or folder of the archive.

    Attributes
    ----------
    path : str
        Relative to the archive's root.
    about : dict
        Properties of its entity in the crate.
    is_folder : bool
        Whether it is a folder.
    """

    path: str
    about: dict[str, Any]
    is_folder: bool = False


def describe(name: str, title: str, records: Sequence[Record], parts: Iterable[Part]) -> dict[str, Any]:
    """Return the content of an archive's ro-crate-metadata.json.

    Parameters
    ----------
    name, title : str
        Of the experiment.
    records : sequence of Record
        Records of its jobs, from the data on.
    parts : iterable of Part
        Contents of the archive in addition to the outputs of the jobs.
    """
    from rocrate.rocrate import ROCrate

    crate = ROCrate(version="1.1")
    crate.metadata.extra_terms = TERMS
    crate.name, crate.license = f"earthdim experiment {name}: {title}", LICENCE
    crate.description = (
        f"The experiment {name} of earthdim (the intrinsic dimension of Earth representations): data sets, encoders, "
        "embeddings, tables and figures, the code and config that produced them, and a record of each job. Extract it "
        "into a checkout or an empty folder; there "
        f"envs/run snakemake --cores 1 verify --config experiment={name} checks every file."
    )
    crate.datePublished = datetime.now(UTC)
    entities = {part.path: _add_part(crate, part) for part in parts}
    for record in records:
        for path, written in record.outputs.items():
            if Path(path).exists():
                entities[path] = _add_part(crate, _output(record, path, written))
    workflow = _add_workflow(crate, records)
    scripts = _add_steps(crate, workflow, records, entities)
    _add_actions(crate, workflow, scripts, records, entities)
    profiles = [
        _add(crate, profile, "CreativeWork", name=label, version=profile.rpartition("/")[2])
        for profile, label in PROFILES.items()
    ]
    crate.root_dataset["conformsTo"] = profiles
    return crate.metadata.generate()


def _add(crate: Any, identifier: str, kind: str | list[str], **properties: Any) -> Any:
    """Add an entity that is not a file, or return the existing one with this identifier."""
    from rocrate.model.contextentity import ContextEntity

    known = crate.get(identifier)
    return known or crate.add(ContextEntity(crate, identifier, properties={"@type": kind, **properties}))


def _add_part(crate: Any, part: Part) -> Any:
    if part.is_folder:
        return crate.add_dataset(dest_path=f"{part.path}/", properties=dict(part.about))
    guessed = FORMATS.get(Path(part.path).suffix) or mimetypes.guess_type(part.path)[0] or "text/plain"
    return crate.add_file(dest_path=part.path, properties={"encodingFormat": guessed, **part.about})


def _only(found: list[Any]) -> Any:
    """A list, or its only element: JSON-LD has no lists of one element."""
    return found[0] if len(found) == 1 else found


def _output(record: Record, path: str, written: Mapping[str, Any]) -> Part:
    """An output of a job; a data set with its source, licence and citation."""
    about: dict[str, Any] = {"name": path}
    known = record.content["config"].get("about", {})
    if record.rule == "dataset":
        about |= {"name": known["title"], "license": known["licence"], "citation": known["citation"]}
        about["description"] = (
            f"Source: {known['source']}. Distributed in the Python package {known['package']}."
        )
    if "files" not in written:
        return Part(path, {**about, "sha256": written["sha256"], "contentSize": str(written["bytes"])})
    listed = f"A Zarr store; {record.path} lists the sha256 of each of its files."
    about["description"] = " ".join(filter(None, [about.get("description"), listed]))
    return Part(path, about, is_folder=True)


def _add_workflow(crate: Any, records: Sequence[Record]) -> Any:
    environments = {number: read_json(environment_path(number)) for number in _environments(records)}
    versions = sorted({found.get("snakemake", "") for found in environments.values()})
    kinds = ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"]
    workflow = crate.add_workflow(
        dest_path="Snakefile",
        main=True,
        lang="snakemake",
        lang_version=", ".join(versions),
        properties={"@type": kinds, "name": "earthdim"},
    )
    workflow["version"] = "; ".join(
        sorted({environment.describe(record.content["git"]) for record in records})
    )
    installed = sorted({item for found in environments.values() for item in found.items()})
    workflow["softwareRequirements"] = [
        _add(
            crate,
            # Package URL (purl), which is independent of the host.
            f"pkg:pypi/{quote(name)}@{quote(number)}",
            "SoftwareApplication",
            name=name,
            softwareVersion=number,
            url=f"pkg:pypi/{quote(name)}@{quote(number)}",
        )
        for name, number in installed
    ]
    return workflow


def _environments(records: Sequence[Record]) -> list[str]:
    return sorted({record.content["environment"] for record in records})


def _add_steps(
    crate: Any, workflow: Any, records: Sequence[Record], entities: Mapping[str, Any]
) -> dict[str, tuple[Any, Any]]:
    """One step per rule with the script of its jobs: rule -> step, script."""
    steps: dict[str, tuple[Any, Any]] = {}
    for record in records:
        if record.rule not in steps:
            path = next(name for name in record.content["code_files"] if name.startswith("workflow/scripts/"))
            script = entities[path]
            script["version"] = workflow["version"]
            position = str(len(steps))
            step = _add(crate, f"#rule-{record.rule}", "HowToStep", position=position, workExample=script)
            steps[record.rule] = step, script
    workflow["hasPart"] = list({script.id: script for _, script in steps.values()}.values())
    workflow["step"] = [step for step, _ in steps.values()]
    return steps


def _add_actions(
    crate: Any,
    workflow: Any,
    steps: Mapping[str, tuple[Any, Any]],
    records: Sequence[Record],
    entities: Mapping[str, Any],
) -> None:
    """One action per job, one for the whole run, and one for Snakemake."""
    made: list[Any] = []
    controls: list[Any] = []
    for number, record in enumerate(records, start=1):
        step, script = steps[record.rule]
        action = _add(
            crate, f"#job-{number}", "CreateAction", **_properties(crate, record), instrument=script
        )
        for key, paths in (("object", record.inputs), ("result", record.outputs)):
            known = [entities[path] for path in paths if path in entities]
            if known:
                action[key] = _only(known)
        made.append(action)
        controls.append(_add(crate, f"#control-{number}", "ControlAction", instrument=step, object=action))
    run = _add(
        crate,
        "#run",
        "CreateAction",
        name="All jobs",
        description="All jobs of the experiment, which may have run at several times",
        instrument=workflow,
        startTime=min(record.content["begun"] for record in records),
        endTime=max(record.content["ended"] for record in records),
        actionStatus=COMPLETED,
    )
    read = {path for record in records for path in record.inputs}
    own = [entities[path] for path in sorted(read) if not is_result(path) and path in entities]
    if own:
        run["object"] = _only(own)
    made_last = (path for record in records for path in record.outputs if path not in read)
    run["result"] = _only([entities[path] for path in made_last if path in entities])
    engine = workflow["softwareRequirements"]
    snakemake = next(item for item in engine if item["name"] == "snakemake")
    organised = _add(crate, "#engine", "OrganizeAction", name="Snakemake", instrument=snakemake, result=run)
    organised["object"] = controls
    crate.root_dataset["mentions"] = [run, *made]


def _properties(crate: Any, record: Record) -> dict[str, Any]:
    """Name, times, machine and digests of a job."""
    content, machine = record.content, record.content["machine"]
    code = environment.describe(content["git"])
    value = f"{machine['host']}: {machine['cpu']}, {machine['platform']}, Python {machine['python']}"
    # After an update of its system or of Python a machine is a new entity.
    where = _add(
        crate, f"#machine-{machine['host']}-{digest(value, 8)}", "PropertyValue", name="machine", value=value
    )
    return {
        "name": record.title,
        "description": f"Record: {record.path}; code digest: {content['code']}; {code}.",
        "startTime": content["begun"],
        "endTime": content["ended"],
        "actionStatus": COMPLETED,
        "additionalProperty": where,
    }
