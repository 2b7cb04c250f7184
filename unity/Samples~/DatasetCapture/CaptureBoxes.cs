using UnityEngine;

namespace UnityDepthPerception.Samples
{
    /// <summary>
    /// Captures a dataset of random scenes into the project's folder, and says how far it is. Put the component on an
    /// empty object and press Play; press it again after a stop, and it goes on.
    /// </summary>
    public sealed class CaptureBoxes : MonoBehaviour
    {
        [SerializeField]
        int imageCount = 200;

        [SerializeField]
        int seed = 1;

        [SerializeField]
        string outputFolder = "dataset";

        [SerializeField]
        int width = 640;

        [SerializeField]
        int height = 480;

        BatchDatasetCapture _capture;

        void Start()
        {
            RandomBoxScene scenes = new GameObject("Scenes").AddComponent<RandomBoxScene>();
            Camera camera = new GameObject("Camera").AddComponent<Camera>();
            camera.fieldOfView = 60;
            camera.nearClipPlane = 0.02f;
            camera.farClipPlane = 50;
            _capture = camera.gameObject.AddComponent<BatchDatasetCapture>();
            _capture.Configure(CaptureSettings.OfSize(width, height), imageCount, seed, outputFolder, scenes);
        }

        void OnGUI()
        {
            string text = _capture.Written + " of " + _capture.ImageCount + " images in " + _capture.FullPath;
            GUI.Label(new Rect(10, Screen.height - 30, Screen.width - 20, 20), text, GUI.skin.label);
        }
    }
}
