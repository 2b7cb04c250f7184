using System.Collections.Generic;
using System.Globalization;
using UnityEditor;
using UnityEditor.PackageManager;
using UnityEditor.SceneManagement;
using UnityEngine;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>
    /// Window > Unity Depth Perception: sets up a camera in one click, tests it, and shows how it stands.
    /// </summary>
    public sealed class UnityDepthPerceptionWindow : EditorWindow
    {
        const string ConnectorUrl =
            "https://github.com/Unity-Technologies/ROS-TCP-Connector.git?path=/com.unity.robotics.ros-tcp-connector";

        readonly List<Finding> _findings = new List<Finding>();
        Camera _camera;
        Vector2 _scroll;

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
            Repaint();
        }

        void OnGUI()
        {
            _scroll = EditorGUILayout.BeginScrollView(_scroll);
            DrawProject();
            EditorGUILayout.Space();
            _camera = (Camera)EditorGUILayout.ObjectField("Camera", _camera, typeof(Camera), true);
            if (_camera != null)
            {
                DrawCamera();
            }

            EditorGUILayout.EndScrollView();
        }

        void DrawProject()
        {
            _findings.Clear();
            ProjectChecks.Examine(_findings);
            Draw(_findings);
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
            CaptureSettings image = CaptureSettings.OfSize(1024, 1024);
#if UNITY_DEPTH_PERCEPTION_ROS
            var publisher = _camera.GetComponent<Ros.RosCameraPublisher>();
            if (publisher == null)
            {
                if (!EditorApplication.isPlaying && GUILayout.Button("Set up this camera"))
                {
                    SetUp(_camera);
                }
            }
            else
            {
                image = publisher.Image;
                RosCameraStatus.Draw(publisher);
            }
#endif
            DrawIntrinsics(image);
            DrawTest(image);
        }

        void DrawIntrinsics(CaptureSettings image)
        {
            _findings.Clear();
            CameraFacts facts = CameraReader.FactsOf(_camera, image, false);
            facts.WarpingEffects = WarpingEffects.Active();
            facts.RunsInBackground = true; // said above, of the project
            CameraAdvice.Examine(facts, _findings);
            Draw(_findings);
            if (_camera.orthographic)
            {
                return;
            }

            PinholeIntrinsics k = CameraReader.IntrinsicsOf(_camera, image);
            EditorGUILayout.LabelField(
                "Intrinsics",
                string.Format(
                    CultureInfo.InvariantCulture,
                    "{0} x {1}, fx {2:0.00}, fy {3:0.00}, cx {4:0.00}, cy {5:0.00}",
                    k.Width, k.Height, k.Fx, k.Fy, k.Cx, k.Cy));
            if (GUILayout.Button("Export camera_intrinsics.json"))
            {
                string path = EditorUtility.SaveFilePanel("Camera intrinsics", "", "camera_intrinsics", "json");
                if (!string.IsNullOrEmpty(path))
                {
                    AtomicFile.WriteText(path, CameraIntrinsicsData.Of(k).ToJson() + "\n");
                }
            }
        }

        void DrawTest(CaptureSettings image)
        {
            bool isPlaying = EditorApplication.isPlaying;
            using (new EditorGUI.DisabledScope(!isPlaying))
            {
                if (GUILayout.Button(isPlaying ? "Test this camera" : "Test this camera (in play mode)"))
                {
                    CameraTestRunner added = _camera.GetComponent<CameraTestRunner>();
                    if (added == null)
                    {
                        added = _camera.gameObject.AddComponent<CameraTestRunner>();
                        added.TestOnStart = false;
                    }

                    added.Image = image;
                    added.TestThisCamera();
                }
            }

            CameraTestRunner runner = _camera.GetComponent<CameraTestRunner>();
            if (runner != null)
            {
                Draw(runner.Findings);
            }
        }

#if UNITY_DEPTH_PERCEPTION_ROS
        static void SetUp(Camera camera)
        {
            Undo.AddComponent<Ros.RosCameraPublisher>(camera.gameObject);
            var overlay = Undo.AddComponent<Ros.ObjectDistanceOverlay>(camera.gameObject);
            overlay.CameraPublisher = camera.GetComponent<Ros.RosCameraPublisher>();
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
