using System.Collections.Generic;
using System.Globalization;
using UnityEditor;
using UnityEditor.PackageManager;
using UnityEditor.SceneManagement;
using UnityEngine;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>
    /// Window > Unity Depth Perception: sets up a camera in one click, tests it, and shows connection and counts.
    /// </summary>
    public sealed class UnityDepthPerceptionWindow : EditorWindow
    {
        const double SecondsPerCheck = 1;
        const string ConnectorUrl =
            "https://github.com/Unity-Technologies/ROS-TCP-Connector.git?path=/com.unity.robotics.ros-tcp-connector";

        readonly List<Finding> _projectFindings = new List<Finding>();
        readonly List<Finding> _cameraFindings = new List<Finding>();
        Camera _camera;
        PinholeIntrinsics _intrinsics;
        Vector2 _scroll;
        double _nextCheck;

        [MenuItem("Window/Unity Depth Perception")]
        static void Open()
        {
            GetWindow<UnityDepthPerceptionWindow>("Depth Perception");
        }

        void OnEnable()
        {
            _camera = _camera != null ? _camera : Camera.main;
        }

        void OnInspectorUpdate()
        {
            // Not while drawing: a check looks at the camera with a target of its own.
            if (EditorApplication.timeSinceStartup >= _nextCheck)
            {
                _nextCheck = EditorApplication.timeSinceStartup + SecondsPerCheck;
                Check();
            }

            Repaint();
        }

        void OnGUI()
        {
            _scroll = EditorGUILayout.BeginScrollView(_scroll);
            DrawProject();
            EditorGUILayout.Space();
            var chosen = (Camera)EditorGUILayout.ObjectField("Camera", _camera, typeof(Camera), true);
            if (chosen != _camera)
            {
                _camera = chosen;
                _nextCheck = 0;
            }

            if (_camera != null)
            {
                DrawCamera();
            }

            EditorGUILayout.EndScrollView();
        }

        void Check()
        {
            _projectFindings.Clear();
            _cameraFindings.Clear();
            ProjectChecks.Examine(_projectFindings);
            if (_camera == null)
            {
                return;
            }

            CaptureSettings image = ImageOf(_camera);
            CameraFacts facts = CameraReader.FactsOf(_camera, image, false);
            facts.WarpingEffects = WarpingEffects.Active();
            facts.RunsInBackground = true; // said of the project
            CameraAdvice.Examine(facts, _cameraFindings);
            if (!_camera.orthographic)
            {
                _intrinsics = CameraReader.IntrinsicsOf(_camera, image);
            }
        }

        void DrawProject()
        {
            Draw(_projectFindings);
            if (!ProjectChecks.HasConnector() && GUILayout.Button("Install ROS-TCP-Connector"))
            {
                Client.Add(ConnectorUrl);
            }

            if (ProjectChecks.HasConnector() && !ProjectChecks.HasRos2() && GUILayout.Button("Set protocol to ROS 2"))
            {
                ProjectChecks.SetRos2();
            }

            if (!PlayerSettings.runInBackground && GUILayout.Button("Run in background"))
            {
                PlayerSettings.runInBackground = true;
            }
        }

        void DrawCamera()
        {
#if UNITY_DEPTH_PERCEPTION_ROS
            var publisher = _camera.GetComponent<Ros.RosCameraPublisher>();
            if (publisher != null)
            {
                RosCameraStatus.Draw(publisher);
            }
            else if (!EditorApplication.isPlaying && GUILayout.Button("Set up this camera"))
            {
                SetUp(_camera);
            }
#endif
            Draw(_cameraFindings);
            if (!_camera.orthographic && _intrinsics.Width > 0)
            {
                DrawIntrinsics();
            }

            DrawTest();
            BatchDatasetCapture dataset = _camera.GetComponent<BatchDatasetCapture>();
            if (dataset != null && EditorApplication.isPlaying)
            {
                float done = (float)dataset.Written / Mathf.Max(1, dataset.ImageCount);
                string text = dataset.Written + " of " + dataset.ImageCount + " images";
                EditorGUI.ProgressBar(EditorGUILayout.GetControlRect(), done, text);
            }
        }

        void DrawIntrinsics()
        {
            string text = string.Format(
                CultureInfo.InvariantCulture,
                "{0} x {1}, fx {2:0.00}, fy {3:0.00}, cx {4:0.00}, cy {5:0.00}",
                _intrinsics.Width,
                _intrinsics.Height,
                _intrinsics.Fx,
                _intrinsics.Fy,
                _intrinsics.Cx,
                _intrinsics.Cy);
            EditorGUILayout.LabelField("Intrinsics", text);
            if (GUILayout.Button("Export camera_intrinsics.json"))
            {
                string path = EditorUtility.SaveFilePanel("Camera intrinsics", "", "camera_intrinsics", "json");
                if (!string.IsNullOrEmpty(path))
                {
                    AtomicFile.WriteText(path, CameraIntrinsicsData.Of(_intrinsics).ToJson() + "\n");
                }
            }
        }

        void DrawTest()
        {
            CameraTestRunner runner = _camera.GetComponent<CameraTestRunner>();
            bool isPlaying = EditorApplication.isPlaying;
            using (new EditorGUI.DisabledScope(!isPlaying))
            {
                if (GUILayout.Button(isPlaying ? "Test this camera" : "Test this camera (in play mode)"))
                {
                    runner = runner != null ? runner : _camera.gameObject.AddComponent<CameraTestRunner>();
                    runner.TestOnStart = false;
                    runner.Image = ImageOf(_camera);
                    runner.TestThisCamera();
                }
            }

            if (runner != null)
            {
                Draw(runner.Findings);
            }
        }

        static CaptureSettings ImageOf(Camera camera)
        {
#if UNITY_DEPTH_PERCEPTION_ROS
            var publisher = camera.GetComponent<Ros.RosCameraPublisher>();
            if (publisher != null)
            {
                return publisher.Image;
            }
#endif
            return CaptureSettings.OfSize(1024, 1024);
        }

#if UNITY_DEPTH_PERCEPTION_ROS
        static void SetUp(Camera camera)
        {
            var publisher = Undo.AddComponent<Ros.RosCameraPublisher>(camera.gameObject);
            Undo.AddComponent<Ros.ObjectDistanceOverlay>(camera.gameObject).CameraPublisher = publisher;
            Undo.AddComponent<CameraTestRunner>(camera.gameObject).Image = publisher.Image;
            EditorSceneManager.MarkSceneDirty(camera.gameObject.scene);
        }
#endif

        static void Draw(IEnumerable<Finding> findings)
        {
            foreach (Finding finding in findings)
            {
                MessageType type = finding.Severity == Severity.Problem
                    ? MessageType.Error
                    : finding.Severity == Severity.Note ? MessageType.Warning : MessageType.Info;
                EditorGUILayout.HelpBox(finding.Text, type);
            }
        }
    }
}
