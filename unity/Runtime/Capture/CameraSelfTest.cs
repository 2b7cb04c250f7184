using System;
using System.Collections.Generic;
using UnityEngine;
using Object = UnityEngine.Object;

namespace UnityDepthPerception
{
    /// <summary>
    /// "Test this camera": two labelled squares are rendered at known pixels and depths into both targets, read back
    /// and compared with the intrinsics. It proves rows, signs, intrinsics, depth and ids on this machine, with this
    /// pipeline. Play mode only.
    /// </summary>
    public sealed class CameraSelfTest : IFrameSink, IDisposable
    {
        /// <summary>The layer that the squares are on while the camera renders nothing else.</summary>
        public const int PrivateLayer = 31;

        const int MostTries = 3;
        readonly Camera _camera;
        readonly CaptureSettings _settings;
        readonly List<Finding> _findings = new List<Finding>();
        FrameCapture _capture;
        SelfTestMarker[] _markers;
        int _tries;

        /// <summary>Prepares a test of a camera.</summary>
        /// <param name="camera">The camera.</param>
        /// <param name="settings">Size and row orders, as they will be used.</param>
        public CameraSelfTest(Camera camera, CaptureSettings settings)
        {
            _camera = camera;
            _settings = settings;
        }

        /// <summary>What was found; complete once <see cref="IsDone"/>.</summary>
        public IReadOnlyList<Finding> Findings => _findings;

        /// <summary>Whether the test has ended.</summary>
        public bool IsDone { get; private set; }

        /// <summary>Goes on with the test; call it once a frame, from LateUpdate, until <see cref="IsDone"/>.</summary>
        public void Step()
        {
            if (IsDone)
            {
                return;
            }

            if (_capture == null)
            {
                Begin();
            }
            else if (_capture.Counts.Failed == _tries)
            {
                if (_tries == MostTries)
                {
                    End("The GPU did not give back an image: " + _capture.LastFailure + ".");
                }
                else
                {
                    Render();
                }
            }
        }

        /// <inheritdoc/>
        bool IFrameSink.TakeFrame(FrameRequest frame, FrameCapture capture)
        {
            int pixels = _settings.width * _settings.height;
            var rgb = new byte[3 * pixels];
            var depth = new float[pixels];
            var ids = new ushort[pixels];
            capture.CopyRgb(frame, rgb);
            capture.CopyDepth(frame, depth);
            capture.CopyIds(frame, ids);
            SelfTestComparison.Compare(rgb, depth, ids, frame.Intrinsics, _markers, _findings);
            IsDone = true;
            return true;
        }

        /// <summary>Frees what the test has made.</summary>
        public void Dispose()
        {
            if (_capture != null)
            {
                _capture.Dispose();
                _capture = null;
            }
        }

        void Begin()
        {
            CameraAdvice.Examine(CameraReader.FactsOf(_camera, _settings, false), _findings);
            if (_camera.orthographic)
            {
                IsDone = true;
                return;
            }

            try
            {
                _capture = new FrameCapture(_camera, _settings, FrameParts.Color | FrameParts.DepthAndId, this, 1);
                Render();
            }
            catch (NotSupportedException error)
            {
                End(error.Message);
            }
        }

        void Render()
        {
            _tries++;
            int mask = _camera.cullingMask;
            CameraClearFlags flags = _camera.clearFlags;
            Color background = _camera.backgroundColor;
            GameObject[] squares = PlaceMarkers();
            try
            {
                _camera.cullingMask = 1 << PrivateLayer;
                _camera.clearFlags = CameraClearFlags.SolidColor;
                _camera.backgroundColor = Color.black;
                _capture.Request(FrameStamp.FromSeconds(Time.timeAsDouble));
            }
            finally
            {
                _camera.cullingMask = mask;
                _camera.clearFlags = flags;
                _camera.backgroundColor = background;
                foreach (GameObject square in squares)
                {
                    square.SetActive(false);
                    Object.Destroy(square.GetComponent<MeshFilter>().sharedMesh);
                    Object.Destroy(square.GetComponent<MeshRenderer>().sharedMaterial);
                    Object.Destroy(square);
                }
            }
        }

        GameObject[] PlaceMarkers()
        {
            Matrix4x4 projection = CameraReader.ProjectionOf(_camera, _settings);
            PinholeIntrinsics k = CameraReader.IntrinsicsOf(projection, _settings.width, _settings.height);
            GameObject red = MakeSquare(Color.red), green = MakeSquare(Color.green);
            _markers = SelfTestMarker.For(
                k, _camera.nearClipPlane, _camera.farClipPlane, ValueOf(red), ValueOf(green));
            Place(red, _markers[0], k);
            Place(green, _markers[1], k);
            return new[] { red, green };
        }

        static int ValueOf(GameObject square) => square.GetComponent<ObjectLabel>().Id + 1;

        static GameObject MakeSquare(Color color)
        {
            var square = new GameObject("Test marker") { layer = PrivateLayer, hideFlags = HideFlags.DontSave };
            square.AddComponent<MeshFilter>().sharedMesh = SimpleMeshes.Square();
            square.AddComponent<MeshRenderer>().sharedMaterial = SimpleMaterials.Flat(color, 0);
            square.AddComponent<ObjectLabel>().Category = "test_marker";
            return square;
        }

        void Place(GameObject square, SelfTestMarker marker, PinholeIntrinsics k)
        {
            Double3 p = AxisConversion.FromOptical(k.Unproject(marker.U, marker.V, marker.Depth));
            Transform camera = _camera.transform;
            square.transform.SetPositionAndRotation(
                camera.position + camera.rotation * new Vector3((float)p.X, (float)p.Y, (float)p.Z), camera.rotation);
            double side = 2 * marker.HalfSide * marker.Depth;
            square.transform.localScale = new Vector3((float)(side / k.Fx), (float)(side / k.Fy), 1);
        }

        void End(string problem)
        {
            _findings.Add(new Finding(Severity.Problem, problem));
            IsDone = true;
        }
    }
}
