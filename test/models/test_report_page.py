"""HTML pages of reports: complete, self-contained, accessible, and safe from names in data sets."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from evaluation_scenes import CPU, ChangedMasks, ScaledDepth, invent_another, lose_red, make_sample
from report_parts import frame_of, matched, report_of

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.evaluator import Evaluation, Evaluator
from unity_depth_perception.evaluation.report import html_page, write_comparison, write_report
from unity_depth_perception.evaluation.report.html_page import report_page
from unity_depth_perception.evaluation.report.measure_tables import measure_tables
from unity_depth_perception.evaluation.report.plots.overview import report_plots
from unity_depth_perception.evaluation.report.tables import FRAME_COLUMNS, OBJECT_COLUMNS
from unity_depth_perception.models.null_models import NullDepth

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(2)>'
NAMES = {"red_cube": HOSTILE, "blue_cube": "_$\\frac{$|[x](javascript:alert(3))"}


class Samples:
    """Samples in memory as a data set."""

    def __init__(self, samples: list[Sample], path: str = "room") -> None:
        self._samples, self.path = samples, Path(path)
        self.names = tuple(sample.name for sample in samples)
        self.categories = tuple(NAMES)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        return self._samples[index]


class Elements(HTMLParser):
    """Tags with their attributes, and texts by tag; what is not closed is an error."""

    _VOID = ("meta", "img", "br")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def named(self, tag: str) -> Iterator[dict[str, str | None]]:
        return (attributes for name, attributes in self.found if name == tag)


def require_safe(page: str) -> Elements:
    """Nothing runs, nothing is loaded from elsewhere, nothing depends on sight alone."""
    elements = Elements(page)
    tags = {tag for tag, _ in elements.found}
    assert not tags & {"script", "iframe", "object", "embed", "link", "form", "base"}
    for tag, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name)
            assert value is None or value.startswith(("data:image/webp;base64,", "#")) or value.endswith("report.html")
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert all(attributes["alt"] for attributes in elements.named("img"))
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in elements.named("svg"))
    assert all(attributes.get("scope") in ("row", "col") for attributes in elements.named("th"))
    assert "default-src 'none'" in page
    return elements


def hostile_samples(count: int = 3) -> Samples:
    """Samples whose names are markup, whose categories are markup or formulas, with stamps."""
    samples = []
    for index in range(count):
        sample = make_sample(index)
        objects = tuple(replace(item, category=NAMES[item.category]) for item in sample.objects)
        samples.append(replace(sample, name=f"{index}{HOSTILE}.png", objects=objects, stamp_ns=index * 10**8 + 1))
    return Samples(samples, f"/data/{HOSTILE}")


def rename_all(instances, categories) -> None:
    categories[:] = list(NAMES.values())


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    samples = hostile_samples()
    evaluator = Evaluator(ScaledDepth(1.1), ChangedMasks(rename_all), CPU)
    write_report(folder, evaluator.evaluate(samples), evaluator, samples)
    return folder


def test_names_in_a_data_set_are_text_in_the_page(hostile_report: Path) -> None:
    page = (hostile_report / "report.html").read_text()
    elements = require_safe(page)
    assert "&lt;script&gt;alert(" in page
    assert "\\frac{$" in page
    assert len(list(elements.named("svg"))) == 6
    assert len(list(elements.named("img"))) == 3 * 6  # frames with a depth error
    assert len(page) < 5_000_000


def test_names_in_a_data_set_are_text_in_markdown(hostile_report: Path) -> None:
    text = (hostile_report / "report.md").read_text()
    assert "<script" not in text
    assert "<img" not in text
    rows = re.findall(r"^\| _\$.*$", text, re.MULTILINE)
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [7]


def test_page_has_the_summary_before_everything_else(hostile_report: Path) -> None:
    page = (hostile_report / "report.html").read_text().replace("\u00a0", " ")
    first = page.index("Objects are measured 10 % off in the median (6 objects, the worst 10 %).")
    assert first < page.index("<svg") < page.index("Worst frames</h2>") < page.index("How it is measured</h2>")
    assert "too far, by 10 % in the median" in page
    assert "not comparable one to one" in page
    assert "Hypersim" in page


def test_csv_files_hold_every_matched_object_and_every_frame(hostile_report: Path) -> None:
    with (hostile_report / "objects.csv").open(newline="") as file:
        objects = list(csv.DictReader(file))
    assert list(objects[0]) == list(OBJECT_COLUMNS)
    assert [float(row["distance_error"]) for row in objects] == pytest.approx([0.1] * 6)
    assert [(row["frame"], row["true_id"]) for row in objects] == [(str(f), str(k)) for f in range(3) for k in range(2)]
    assert [float(row["median_m"]) for row in objects] == pytest.approx([1.1, 1.65] * 3)
    assert [float(row["true_median_m"]) for row in objects] == [1.0, 1.5] * 3
    assert {row["category"] for row in objects} == set(NAMES.values())
    assert objects[0]["true_min_m"] == ""  # not annotated
    with (hostile_report / "frames.csv").open(newline="") as file:
        frames = list(csv.DictReader(file))
    assert list(frames[0]) == list(FRAME_COLUMNS)
    assert [float(row["abs_rel"]) for row in frames] == pytest.approx([0.1] * 3)
    assert [row["matched"] for row in frames] == ["2"] * 3
    assert [row["stamp_ns"] for row in frames] == ["1", "100000001", "200000001"]


def test_equal_results_give_equal_files(tmp_path: Path) -> None:
    samples = hostile_samples(2)
    for run in ("first", "second"):
        evaluator = Evaluator(ScaledDepth(1.1), ChangedMasks(invent_another), CPU)
        evaluation = evaluator.evaluate(samples)
        fixed = [replace(frame, seconds=0.1 if run == "first" else 0.2) for frame in evaluation.frames]
        evaluation.frames[:] = fixed
        write_report(tmp_path / run, evaluation, evaluator, samples)
    names = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "second").iterdir())
    for name in names:
        first, second = ((tmp_path / run / name).read_bytes() for run in ("first", "second"))
        if name in ("report.html", "report.md"):
            assert first != second  # the speed
            first, second = (re.sub(rb"[\d.]+ frames/s", b"", text) for text in (first, second))
        assert first == second, name


@pytest.mark.parametrize(
    ("with_depth", "with_masks", "depth", "said"),
    [
        (False, True, ScaledDepth(1.1), "Depth could not be compared: no image has true depth"),
        (True, False, ScaledDepth(1.1), "Object distances could not be compared: no image has masks."),
        (False, False, ScaledDepth(1.1), "Depth: not measured"),
        (True, True, NullDepth(CPU), "The model gave no depth where the truth is known."),
        (True, True, None, "The one object that was compared is measured 0 % off."),
    ],
    ids=["no true depth", "no masks", "no truth", "no depth", "flawless"],
)
def test_page_of_one_frame_says_what_is_missing(tmp_path: Path, with_depth, with_masks, depth, said) -> None:
    samples = Samples([make_sample(0, with_depth, with_masks)])
    evaluator = Evaluator(depth, ChangedMasks(lose_red), CPU)
    report = write_report(tmp_path, evaluator.evaluate(samples), evaluator, samples)
    page = (tmp_path / "report.html").read_text().replace("\u00a0", " ")
    require_safe(page)
    assert said in page
    assert "One frame says little about others" in page
    assert (report["object_distances"] is None) == (not with_masks or isinstance(depth, NullDepth))
    assert (tmp_path / "objects.csv").read_text().count("\n") == 1 + with_masks


def test_measures_that_the_page_does_not_know_are_shown() -> None:
    report = report_of(frame_of([matched(0.1)], abs_rel=0.1))
    report["depth"]["edges"] = {"sharp": 0.5, "by_size": [{"px": 2, "<f1>": 0.25}]}
    report["views"] = {"auc": {"standard": {"3": 0.125}}}
    page = report_page(report, [], {"depth": [], "objects": []})
    require_safe(page)
    for text in ("sharp", "0.500", "&lt;f1&gt;", "0.250", "Views: auc", "0.125"):
        assert text in page


def metrics_of_depth() -> dict:
    """The form of `metrics` in report.json, with a scale error alone."""
    raw, scaled = ({"abs_rel": error, "rmse": error, "pixel_count": 10} for error in (0.1, 0.01))
    bins = [{"from_m": 0.0, "to_m": 0.5, "abs_rel": None}, {"from_m": 0.5, "to_m": None, "abs_rel": 0.125}]
    depth = {"frames": 1, "per_image": {"raw": raw, "scale": scaled}, "by_distance": bins, "boundary": {"f1": 0.5}}
    return {"level": "all", "depth": depth, "objects": None, "reasons": {"objects": "no image has masks"}}


def test_metrics_of_every_level_are_tables() -> None:
    tables = {table.title: table for table in measure_tables("Metrics", metrics_of_depth(), ("metrics",))}
    plain = ("Frames", "1")
    assert tables["Metrics: depth"].rows == (plain,)
    assert tables["Metrics: depth: per image"].columns == ("", "AbsRel", "RMSE", "Pixels compared")
    assert tables["Metrics: depth: per image"].rows[1] == ("scale", "1.0\u00a0%", "0.0100\u00a0m", "10")
    assert tables["Metrics: depth: by distance"].rows == (("0 to 0.5 m", "–"), ("0.5 m and more", "12\u00a0%"))
    assert tables["Metrics"].rows == (("level", "all"), ("objects", "–"))


def test_tables_flatten_groups_and_take_units_from_above() -> None:
    groups = {name: {"count": 2, "abs_m": {"p50": 0.25}, "rel": {"p50": 0.125}} for name in ("min", "max")}
    (table,) = measure_tables("Objects", groups)
    assert table.columns == ("", "Objects", "error, p50", "relative error, p50")
    assert table.rows[0] == ("min", "2", "0.250\u00a0m", "12\u00a0%")


def test_pixel_errors_by_distance_are_plotted_where_they_were_computed() -> None:
    frame = frame_of([], abs_rel=0.1)
    report = report_of(frame)
    names = [plot.title for plot in report_plots(Evaluation([frame]), report)]
    with_metrics = report_plots(Evaluation([frame]), report | {"metrics": metrics_of_depth()})
    assert names == ["Depth error of frames"]
    assert [plot.title for plot in with_metrics] == [*names, "Depth error by distance"]


def test_comparison_shows_models_side_by_side(tmp_path: Path) -> None:
    reports = {
        (source, model): report_of(frame_of([matched(error, true_m) for true_m in (0.6, 1.2)] * 5, abs_rel=error))
        for source in ("room", HOSTILE)
        for model, error in (("good", 0.01), ("bad", 0.1), (HOSTILE, 0.2))
    }
    pages = {
        key: "javascript:alert(1)/../room/report.html" if key[1] == HOSTILE else "room/good/report.html"
        for key in reports
    }
    content = write_comparison(tmp_path, reports, pages)
    page = (tmp_path / "comparison.html").read_text().replace("\u00a0", " ")
    elements = require_safe(page)
    assert len(list(elements.named("svg"))) == 4
    assert "good measures objects best: 1.0 % off in the median, before bad (10 %)." in page
    assert re.search(r'class="best">1.0 % ', page)
    assert json.loads((tmp_path / "comparison.json").read_text()) == content
    assert [(one["source"], one["model"]) for one in content["reports"]] == list(reports)
    assert content["reports"][1]["depth"]["abs_rel"] == pytest.approx(0.1)
    assert {one["dataset"] for one in content["published"]} >= {"Hypersim (indoor)", "DTU"}


def test_comparison_bears_many_models_and_missing_parts(tmp_path: Path) -> None:
    reports = {("room", f"net{k}"): report_of(frame_of([matched(0.01 * k + 0.01)] * 3)) for k in range(8)}
    reports["room", "blind"] = report_of(replace(frame_of([]), objects=None))
    del reports["room", "blind"]["fps"]  # report.json has no times
    write_comparison(tmp_path, reports)
    page = (tmp_path / "comparison.html").read_text()
    require_safe(page)
    assert "The first 6 of 8 models." in page
    assert "href" not in page.partition("<main>")[2].replace("xlink:href", "")


def test_comparison_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least one report"):
        write_comparison(tmp_path, {})


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio of two colours #rrggbb."""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_formula_on_known_pairs() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_colours_of_the_page_have_the_contrast_of_level_aa(scheme: int) -> None:
    style = (Path(html_page.__file__).parent / "templates" / "style.css").read_text()
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[scheme]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    for ground in (colours["background"], colours["surface"]):
        assert all(contrast(colours[text], ground) >= 4.5 for text in ("ink", "soft", "accent"))
        assert all(contrast(colours[f"series-{k}"], ground) >= 3 for k in range(1, 7))
