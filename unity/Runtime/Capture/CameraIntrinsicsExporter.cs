using System.IO;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>
    /// Writes camera_intrinsics.json of a camera: context menu "Export Camera Intrinsics" of the component, in edit and
    /// play mode.
    /// </summary>
    [RequireComponent(typeof(Camera))]
    [AddComponentMenu("Unity Depth Perception/Camera Intrinsics Exporter")]
    public sealed class CameraIntrinsicsExporter : MonoBehaviour
    {
        [SerializeField]
        [Tooltip("Size of the images that the intrinsics are for: the render target's, not the Game view's.")]
        CaptureSettings image = CaptureSettings.OfSize(1024, 1024);

        [SerializeField]
        [Tooltip("File to write; relative to the project's folder (in a build: to the persistent data path).")]
        string path = "camera_intrinsics.json";

        /// <summary>Size of the images that the intrinsics are for.</summary>
        public CaptureSettings Image
        {
            get { return image; }
            set { image = value; }
        }

        /// <summary>The file, absolute.</summary>
        public string FullPath => OutputFolder.Resolve(path);

        /// <summary>Writes the file.</summary>
        [ContextMenu("Export Camera Intrinsics")]
        public void ExportCameraIntrinsics()
        {
            Export(FullPath);
        }

        /// <summary>Writes the file to a path.</summary>
        public void Export(string fullPath)
        {
            Camera camera = GetComponent<Camera>();
            if (camera.orthographic)
            {
                Debug.LogError(
                    name + ": an orthographic camera has no intrinsics; set Projection to Perspective.", this);
                return;
            }

            PinholeIntrinsics intrinsics = CameraReader.IntrinsicsOf(camera, image);
            Directory.CreateDirectory(Path.GetDirectoryName(fullPath));
            AtomicFile.WriteText(fullPath, CameraIntrinsicsData.Of(intrinsics).ToJson() + "\n");
            Debug.Log("Camera intrinsics written to " + fullPath, this);
        }
    }
}
