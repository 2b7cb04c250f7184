using System;
using System.Collections.Generic;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>Runs "Test this camera" on start or from its context menu, and logs what it finds.</summary>
    [RequireComponent(typeof(Camera))]
    [DefaultExecutionOrder(10001)]
    [AddComponentMenu("Unity Depth Perception/Camera Test")]
    public sealed class CameraTestRunner : MonoBehaviour
    {
        static readonly Finding[] None = new Finding[0];

        [SerializeField]
        [Tooltip("Size of the images and row orders, as they will be used.")]
        CaptureSettings image = CaptureSettings.OfSize(320, 240);

        [SerializeField]
        bool testOnStart = true;

        CameraSelfTest _test;
        IReadOnlyList<Finding> _findings = None;

        /// <summary>Size of the images and row orders.</summary>
        public CaptureSettings Image
        {
            get { return image; }
            set { image = value; }
        }

        /// <summary>Whether the test runs by itself when the component starts.</summary>
        public bool TestOnStart
        {
            get { return testOnStart; }
            set { testOnStart = value; }
        }

        /// <summary>What the last test has found; empty before the first one.</summary>
        public IReadOnlyList<Finding> Findings => _findings;

        /// <summary>Raised when a test has ended.</summary>
        public event Action<IReadOnlyList<Finding>> Tested;

        /// <summary>Begins a test; play mode only.</summary>
        [ContextMenu("Test This Camera")]
        public void TestThisCamera()
        {
            if (!Application.isPlaying)
            {
                Debug.LogWarning(name + ": a camera is tested in play mode; press Play.", this);
                return;
            }

            Stop();
            _test = new CameraSelfTest(GetComponent<Camera>(), image);
        }

        void Start()
        {
            if (testOnStart)
            {
                TestThisCamera();
            }
        }

        void LateUpdate()
        {
            if (_test == null)
            {
                return;
            }

            _test.Step();
            if (!_test.IsDone)
            {
                return;
            }

            _findings = _test.Findings;
            Stop();
            foreach (Finding finding in _findings)
            {
                Log(finding);
            }

            if (Tested != null)
            {
                Tested(_findings);
            }
        }

        void OnDisable()
        {
            Stop();
        }

        void Stop()
        {
            if (_test != null)
            {
                _test.Dispose();
                _test = null;
            }
        }

        void Log(Finding finding)
        {
            string text = name + ": " + finding.Text;
            if (finding.Severity == Severity.Problem)
            {
                Debug.LogError(text, this);
            }
            else if (finding.Severity == Severity.Note)
            {
                Debug.LogWarning(text, this);
            }
            else
            {
                Debug.Log(text, this);
            }
        }
    }
}
