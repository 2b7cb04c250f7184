"""The package as Unity's Package Manager sees it: manifests, GUIDs, assemblies, and which APIs it may use."""

from __future__ import annotations

import configparser
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import unity_meta
from mono import DEFINES, PACKAGE, ROOT, Mono

SOURCES = sorted(PACKAGE.rglob("*.cs"))
ASSEMBLIES = sorted(PACKAGE.rglob("*.asmdef"))
CONNECTOR = "UNITY_DEPTH_PERCEPTION_ROS"
OF_OTHERS = {
    "Unity.Robotics.ROSTCPConnector",
    "Unity.Robotics.ROSTCPConnector.MessageGeneration",
    "Unity.Robotics.ROSTCPConnector.Messages",
    "UnityEngine.TestRunner",
    "UnityEditor.TestRunner",
}

# Obsolete with an error, gone, or not there yet in one of 2021.3, 2022.3, 6000.0 to 6000.7; or slow or unsafe.
BREAKING = {
    r"FindObjects?OfType\b": "obsolete from 6000.0",
    r"FindFirstObjectByType\b": "obsolete from 6000.4",
    r"FindObjectsByType\b": "its overloads differ between versions",
    r"GetInstanceID\b": "an error from 6000.5",
    r"EntityId\b": "from 6000.3 on",
    r"FormatUsage\b": "obsolete from 6000.0",
    r"GraphicsFormatUsage\b": "not in 2022.3",
    r"ForGroup\b": "obsolete from 6000.0",
    r"isScriptableRenderPipelineEnabled\b": "from 6000.0 on",
    r"(begin|end)FrameRendering\b": "gone in 6000.0",
    r"CloudRendering\b": "renamed",
    r"\.(linearV|v)elocity\b": "renamed in 6000.0",
    r"Physics?Material\b": "renamed in 6000.0",
    r"AddCommandBuffer\b": "does nothing with a render pipeline from 6000.5",
    r"SubmitRenderRequests?\b": "differs between versions",
    r"\.DrawRenderers\b": "obsolete from 6000.0",
    r"\bRequestAsync\b|forcePlayerLoopUpdate\b": "not in 2021.3",
    r"SetReplacementShader|RenderWithShader|OnRenderImage|OnPostRender": "built-in pipeline only",
    r"graphicsUVStartsAtTop": "says nothing about render textures",
    r"MaterialPropertyBlock|SetPropertyBlock": "breaks the SRP Batcher",
    r"GetGPUProjectionMatrix": "not the form that intrinsics are made of",
    r"JsonUtility": "writes single precision, and {} for anonymous types",
    r"WaitForCompletion\b": "stops the game",
    r"Encoding\.UTF8\b": "adds a byte order mark where files are written",
}

# C# 8 and later, and what Mono's compiler lacks: the sources could not be compiled outside Unity any more.
TOO_NEW = {
    r"\?\?=": "C# 8",
    r"\bis not\b|\bis null\b": "not in Mono's compiler",
    r"\brecord\b|\binit;": "needs IsExternalInit",
    r"=> .* switch\b|\bswitch\s*\{": "C# 8",
    r"^\s*using var\b": "C# 8",
    r"#nullable": "C# 8",
}


def code_of(path: Path) -> str:
    """A source without comments and strings."""
    return re.sub(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("patterns", [BREAKING, TOO_NEW], ids=["api", "language"])
def test_no_source_uses_what_breaks_in_a_supported_version(patterns: dict[str, str]) -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {pattern}: {reason}"
        for path in SOURCES
        for pattern, reason in patterns.items()
        if re.search(pattern, code_of(path), re.MULTILINE)
    ]
    assert found == []


def test_every_imported_file_has_a_meta_file_of_its_own() -> None:
    paths = list(unity_meta.imported(PACKAGE))
    assert [path for path in paths if not unity_meta.meta_of(path).is_file()] == []
    assert unity_meta.orphans(PACKAGE) == []
    guids = []
    for path in paths:
        text = unity_meta.meta_of(path).read_text(encoding="utf-8")
        found = re.match(r"fileFormatVersion: 2\nguid: ([0-9a-f]{32})\n", text)
        assert found, path
        guids.append(found[1])
        assert text.replace(found[1], "") == re.sub("[0-9a-f]{32}", "", unity_meta.meta_text(path, PACKAGE), count=1)
    assert [guid for guid, count in Counter(guids).items() if count > 1] == []


def test_meta_files_leave_hidden_folders_alone(tmp_path: Path) -> None:
    for name in ("Documentation~/a.md", "Samples~/One/A.cs", ".hidden/b.cs", "Runtime/C.cs"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    names = [path.relative_to(tmp_path).as_posix() for path in unity_meta.imported(tmp_path)]
    assert names == ["Runtime", "Runtime/C.cs", "Samples~/One", "Samples~/One/A.cs"]
    with pytest.raises(ValueError, match="its importer"):
        unity_meta.meta_text(tmp_path / "a.prefab", tmp_path)


def test_manifest_is_what_the_package_manager_wants() -> None:
    manifest = json.loads((PACKAGE / "package.json").read_text(encoding="utf-8"))
    assert re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+){2,}", manifest["name"])
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert manifest["version"] == setup["metadata"]["version"]
    assert f"## [{manifest['version']}]" in (PACKAGE / "CHANGELOG.md").read_text(encoding="utf-8")
    assert manifest["unity"] == "2021.3"
    assert manifest["license"] == setup["metadata"]["license"]
    assert (PACKAGE / "LICENSE.md").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert {sample["path"] for sample in manifest["samples"]} == {
        path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / "Samples~").iterdir() if path.is_dir()
    }
    assert all(name.startswith("com.unity.modules.") for name in manifest["dependencies"])


def test_assemblies_refer_to_assemblies_that_exist() -> None:
    definitions = {path: json.loads(path.read_text(encoding="utf-8")) for path in ASSEMBLIES}
    names = {definition["name"] for definition in definitions.values()}
    for path, definition in definitions.items():
        assert path.stem == definition["name"]
        assert set(definition["references"]) <= names | OF_OTHERS
        uses_connector = any(reference.startswith("Unity.Robotics") for reference in definition["references"])
        defines = [version["define"] for version in definition["versionDefines"]]
        assert (defines == [CONNECTOR]) >= uses_connector
        if uses_connector and definition["name"] != "UnityDepthPerception.Editor":
            assert definition["defineConstraints"] == [CONNECTOR]
            assert definition["excludePlatforms"] == ["WebGL"]  # the connector is not there either
        assert definition["noEngineReferences"] == (definition["name"] == "UnityDepthPerception.Core")


def test_each_type_has_a_file_of_its_own_name() -> None:
    for path in SOURCES:
        code = code_of(path)
        types = re.findall(
            r"^ {4}(?=\S)(?:\[.*\]\s*)?(?:[\w ]+ )?(?:class|struct|enum|interface) (\w+)", code, re.MULTILINE
        )
        assert types == [path.stem], path
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 420, path


def test_sources_are_utf_8_with_line_feeds_and_short_lines() -> None:
    for path in [*SOURCES, *PACKAGE.rglob("*.shader")]:
        data = path.read_bytes()
        assert not data.startswith(b"\xef\xbb\xbf"), path
        assert b"\r" not in data, path
        assert b"\t" not in data, path
        assert data.endswith(b"}\n") or data.endswith(b"#endif\n"), path
        if "Messages" not in path.parts:
            assert max(map(len, data.decode().splitlines())) <= 120, path


def test_scenes_of_samples_hold_the_scripts_of_samples() -> None:
    scenes = sorted((PACKAGE / "Samples~").rglob("*.unity"))
    assert len(scenes) == 2
    for scene in scenes:
        (guid,) = re.findall(r"m_Script: \{fileID: 11500000, guid: (\w+), type: 3\}", scene.read_text(encoding="utf-8"))
        assert f"guid: {guid}\n" in scene.with_suffix(".cs.meta").read_text(encoding="utf-8")


def test_readme_names_every_component_and_its_links_lead_somewhere() -> None:
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    menus = [re.search(r'AddComponentMenu\("Unity Depth Perception/(.*)"\)', path.read_text()) for path in SOURCES]
    names = [menu[1] for menu in menus if menu]
    assert len(names) == 8
    assert [name for name in names if f"**{name}**" not in readme] == []
    for target in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (PACKAGE / target).exists(), target
    assert "(#nothing-arrives)" in readme
    assert "## Nothing arrives" in readme


def test_shaders_are_where_the_code_looks_for_them() -> None:
    paths = re.findall(
        r'ShaderPath = "(.*)"',
        "".join(path.read_text(encoding="utf-8") for path in SOURCES if path.parent.name == "Capture"),
    )
    assert len(paths) == 2
    for path in paths:
        assert (PACKAGE / "Runtime" / "Resources" / f"{path}.shader").is_file()
    depth = (PACKAGE / "Runtime" / "Resources" / "UnityDepthPerception" / "DepthAndId.shader").read_text()
    assert "Properties\n" not in depth  # or the global would not reach it
    assert depth.count("_UnityDepthPerceptionId") == 2


def test_window_compiles_with_and_without_the_connector(
    mono: Mono, core: Path, engine: Path, capture: Path, connector: Path, ros: Path
) -> None:
    sources = mono.package_sources("Editor")
    editor = (*DEFINES, "UNITY_EDITOR")
    mono.library("Editor.Alone", sources, [core, engine, capture], editor)
    mono.library("Editor.Ros", sources, [core, engine, capture, connector, ros], (*editor, CONNECTOR))


def test_messages_compile_for_the_editor_too(mono: Mono, engine: Path, connector: Path) -> None:
    sources = mono.package_sources("Runtime/Messages")
    mono.library("Messages.Editor", sources, [engine, connector], (*DEFINES, "UNITY_EDITOR"), documented=False)


def test_example_of_the_documentation_compiles(mono: Mono, core: Path, engine: Path, capture: Path) -> None:
    text = (PACKAGE / "Documentation~" / "index.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```csharp\n(.*?)```", text, re.DOTALL)
    path = mono.folder / "Recorder.cs"
    path.write_text(f"using UnityDepthPerception;\nusing UnityEngine;\n\n{example}", encoding="utf-8")
    mono.library("Documentation", [path], [core, engine, capture], documented=False)


def test_samples_and_tests_compile(mono: Mono, core: Path, engine: Path, capture: Path, ros: Path) -> None:
    references = [core, engine, capture]
    mono.library("Samples.BoxWorld", mono.package_sources("Samples~/CubesAndParallelepipeds"), [*references, ros])
    mono.library("Samples.CaptureBoxes", mono.package_sources("Samples~/DatasetCapture"), references)
    framework = mono.library("StubTesting", mono.test_sources("stubs/testing"), documented=False)
    mono.library("Tests", mono.package_sources("Tests"), [*references, framework], documented=False)
