using UnityDepthPerception;
using UnityEngine;
using UnityEngine.Rendering;

static class DatasetScenarios
{
    public static void Capture(string folder, int count, int stopAfter)
    {
        AsyncGPUReadback.LeastLatency = 0;
        AsyncGPUReadback.MostLatency = 3;
        AsyncGPUReadback.FailureRate = 0.1;
        BatchDatasetCapture capture = Make(folder, count);
        for (int frame = 0; (frame == 0 || capture.IsRunning) && frame < 100 * count; frame++)
        {
            StubPlayer.Step();
            if (stopAfter > 0 && capture.Written == stopAfter)
            {
                capture.enabled = false;
            }
        }

        Say.Values("written", capture.Written, capture.IsRunning);
        Say.Values("textures", RenderTexture.Alive);
    }

    public static void ChangedCamera(string folder)
    {
        BatchDatasetCapture capture = Make(folder, 5);
        for (int frame = 0; frame < 60; frame++)
        {
            StubPlayer.Step();
            if (capture.Written == 2)
            {
                capture.GetComponent<Camera>().fieldOfView = 30;
            }
        }

        Say.Values("written", capture.Written, capture.IsRunning);
    }

    static BatchDatasetCapture Make(string folder, int count)
    {
        RandomBoxScene scenes = new GameObject("Scenes").AddComponent<RandomBoxScene>();
        Camera camera = new GameObject("Camera").AddComponent<Camera>();
        BatchDatasetCapture capture = camera.gameObject.AddComponent<BatchDatasetCapture>();
        capture.Configure(CaptureSettings.OfSize(96, 72), count, 11, folder, scenes);
        return capture;
    }
}
