using System;
using System.Collections.Generic;
using System.Linq;
using UnityDepthPerception;
using UnityEngine;
using UnityEngine.Rendering;

static class CameraScenarios
{
    public static void SelfTest(string mistake)
    {
        Camera camera = MakeCamera();
        var settings = CaptureSettings.OfSize(160, 120);
        switch (mistake)
        {
            case "color-flipped":
                StubGpu.FlipsColor = true;
                break;
            case "depth-flipped":
                StubGpu.FlipsDepth = true;
                break;
            case "both-corrected":
                StubGpu.FlipsColor = StubGpu.FlipsDepth = true;
                settings.colorRows = settings.depthRows = RowOrder.TopFirst;
                break;
            case "no-ids":
                StubGpu.MixesUpIds = true;
                break;
            case "read-back":
                AsyncGPUReadback.FailureRate = 1;
                break;
            case "orthographic":
                camera.orthographic = true;
                break;
            case "physical":
                camera.usePhysicalProperties = true;
                camera.lensShift = new Vector2(0.1f, -0.05f);
                break;
            case "four-channels":
                SystemInfo.HasRGFloat = false;
                break;
        }

        CameraTestRunner runner = camera.gameObject.AddComponent<CameraTestRunner>();
        runner.Image = settings;
        IReadOnlyList<Finding> found = null;
        runner.Tested += findings => found = findings;
        for (int frame = 0; frame < 20 && found == null; frame++)
        {
            StubPlayer.Step();
        }

        foreach (Finding finding in found)
        {
            Say.Values("finding", finding);
        }

        StubPlayer.Step();
        Say.Values("left over", ObjectLabel.All.Count, RenderTexture.Alive, camera.cullingMask, camera.targetTexture == null);
        Debug.Lines.Clear();
    }

    public static void Export(string path, string kind)
    {
        Camera camera = MakeCamera();
        camera.fieldOfView = 47.3f;
        if (kind == "physical")
        {
            camera.usePhysicalProperties = true;
            camera.gateFit = Camera.GateFitMode.Overscan;
            camera.lensShift = new Vector2(0.25f, -0.125f);
        }

        camera.orthographic = kind == "orthographic";
        CameraIntrinsicsExporter exporter = camera.gameObject.AddComponent<CameraIntrinsicsExporter>();
        exporter.Image = CaptureSettings.OfSize(640, 400);
        exporter.Export(path);
        Say.Values("target", camera.targetTexture == null, RenderTexture.Alive);
    }

    public static void Labels()
    {
        ObjectLabel cube = MakeBox("cube", new Vector3(0, 0.5f, 0), new Vector3(1, 1, 1));
        ObjectLabel plank = MakeBox("plank", new Vector3(0.2f, 1.05f, 0), new Vector3(1.4f, 0.1f, 0.5f));
        ObjectLabel given = MakeBox("given", new Vector3(5, 3, 0), new Vector3(1, 1, 1));
        given.ParentSource = ParentSource.Given;
        given.Parent = cube;
        int version = ObjectLabel.Version;
        cube.gameObject.SetActive(false);
        SayTable();
        ObjectLabel third = MakeBox("third", new Vector3(9, 9, 9), new Vector3(1, 1, 1));
        cube.gameObject.SetActive(true);
        SayTable();
        Say.Values("ids", cube.Id, plank.Id, given.Id, third.Id, ObjectLabel.Version > version);
        plank.Category = "";
        Say.Values("category", plank.Category);
    }

    /// <summary>
    /// A front face's corners run clockwise: in left-handed axes its cross product points along the normal.
    /// </summary>
    public static void Meshes()
    {
        MakeRandomScene();
        Mesh mesh = MeshOf("Floor");
        int bad = 0;
        for (int k = 0; k < mesh.triangles.Length; k += 3)
        {
            int a = mesh.triangles[k], b = mesh.triangles[k + 1], c = mesh.triangles[k + 2];
            Vector3 cross = Vector3.Cross(mesh.vertices[b] - mesh.vertices[a], mesh.vertices[c] - mesh.vertices[a]);
            bad += Vector3.Dot(cross, mesh.normals[a]) > 0.99f ? 0 : 1;
        }

        Say.Values("triangles", mesh.triangles.Length / 3, bad);
        Say.Values("corners", mesh.vertices.Distinct().Count(), mesh.vertices.All(v => Math.Abs(v.x) == 0.5f));
    }

    static void MakeRandomScene()
    {
        new GameObject("Scenes").AddComponent<RandomBoxScene>().Build(1, 0, null);
    }

    static Mesh MeshOf(string name)
    {
        var found = new List<MeshFilter>();
        foreach (GameObject root in UnityEngine.SceneManagement.SceneManager.Active.Roots)
        {
            found.AddRange(root.All<MeshFilter>());
        }

        return found.Single(filter => filter.name == name).sharedMesh;
    }

    static void SayTable()
    {
        var table = new LabelTable();
        table.Refresh();
        foreach (LabelEntry entry in table.Entries)
        {
            Say.Values("entry", entry.Id, entry.Category, entry.ParentId);
        }
    }

    static Camera MakeCamera()
    {
        Camera camera = new GameObject("Camera").AddComponent<Camera>();
        camera.transform.SetPositionAndRotation(new Vector3(3, 2, -7), Quaternion.Euler(20, 40, 5));
        return camera;
    }

    static ObjectLabel MakeBox(string name, Vector3 center, Vector3 size)
    {
        var box = new GameObject(name);
        box.transform.position = center;
        box.transform.localScale = size;
        var corners = new Vector3[8];
        for (int k = 0; k < 8; k++)
        {
            corners[k] = new Vector3((k & 1) - 0.5f, ((k >> 1) & 1) - 0.5f, (k >> 2) - 0.5f);
        }

        box.AddComponent<MeshFilter>().sharedMesh = new Mesh { vertices = corners, triangles = new int[0] };
        box.AddComponent<MeshRenderer>();
        return box.AddComponent<ObjectLabel>();
    }
}
