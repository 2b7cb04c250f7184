using System;
using System.Collections.Generic;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Publishes a camera: image, CameraInfo, pose and tf of the very instant of rendering, and on request what the
    /// simulation knows. Works in the built-in pipeline, URP and HDRP. The camera may be disabled, and then costs
    /// nothing but what is published.
    /// </summary>
    [RequireComponent(typeof(Camera))]
    [DisallowMultipleComponent]
    [DefaultExecutionOrder(10000)]
    [AddComponentMenu("Unity Depth Perception/ROS Camera Publisher")]
    public sealed class RosCameraPublisher : MonoBehaviour, IFrameSink
    {
        readonly HashSet<string> _told = new HashSet<string>();

        [SerializeField]
        CaptureSettings image = CaptureSettings.OfSize(1024, 1024);

        [SerializeField]
        [Tooltip("Images in a second of game time.")]
        float rateHz = 10;

        [SerializeField]
        StampClock stamps = StampClock.Unix;

        [SerializeField]
        CameraTopicSettings topics = new CameraTopicSettings();

        Camera _camera;
        RosLink _link;
        FrameCapture _capture;
        CameraTopics _published;
        FrameCounts _earlier;
        double _nextTime;
        bool _hasStarted;

        /// <summary>Size of the images, and how they are read back; a new size counts for the next image.</summary>
        public CaptureSettings Image
        {
            get { return image; }
            set { image = value; }
        }

        /// <summary>Images in a second of game time.</summary>
        public float RateHz
        {
            get { return rateHz; }
            set { rateHz = value; }
        }

        /// <summary>Which clock stamps come from.</summary>
        public StampClock Stamps
        {
            get { return stamps; }
            set { stamps = value; }
        }

        /// <summary>What is published under which names; set it before the component starts.</summary>
        public CameraTopicSettings Topics => topics;

        /// <summary>Frames by outcome; sent frames were handed to the connector.</summary>
        public FrameCounts Counts => _capture == null ? _earlier : _earlier.Plus(_capture.Counts);

        /// <summary>The image as it is sent, or null.</summary>
        public RenderTexture ColorTexture => _capture != null ? _capture.ColorTexture : null;

        /// <summary>Why nothing is published although ROS is there; null if all is well.</summary>
        public string Problem { get; private set; }

        /// <inheritdoc/>
        bool IFrameSink.TakeFrame(FrameRequest frame, FrameCapture capture)
        {
            if (_link.State != ConnectionState.Connected || !_published.CanPublish)
            {
                return false;
            }

            _published.Publish(frame, capture);
            return true;
        }

        void Start()
        {
            // Not in Awake or OnEnable: in builds, message classes are registered after those of the first scene.
            _camera = GetComponent<Camera>();
            _hasStarted = true;
            Open();
        }

        void OnEnable()
        {
            if (_hasStarted)
            {
                Open();
            }
        }

        void OnDisable()
        {
            Close();
        }

        void LateUpdate()
        {
            if (_capture == null)
            {
                return;
            }

            _link.Update();
            if (_link.State != ConnectionState.Connected || !IsDue())
            {
                return;
            }

            if (image.width != _capture.Settings.width || image.height != _capture.Settings.height)
            {
                Close();
                Open();
            }

            if (_camera.orthographic)
            {
                Report("the camera is orthographic, which has no intrinsics: set Projection to Perspective");
                return;
            }

            _capture.Request(RosMessages.Now(stamps));
            Report(_capture.LastFailure);
        }

        void Report(string problem)
        {
            if (problem != null && _told.Add(problem)) // each once, as a read-back may fail now and then
            {
                Debug.LogError(name + ": " + problem, this);
            }

            Problem = problem;
        }

        void Open()
        {
            FrameParts parts = topics.truth == TrueTopics.None
                ? FrameParts.Color
                : FrameParts.Color | FrameParts.DepthAndId;
            try
            {
                _capture = new FrameCapture(_camera, image, parts, this);
                Report(null);
            }
            catch (NotSupportedException error)
            {
                Report(error.Message);
                return;
            }

            _link = RosLink.Current;
            _published = new CameraTopics(_link, topics, image.width, image.height);
        }

        void Close()
        {
            if (_capture == null)
            {
                return;
            }

            _capture.Dispose();
            _earlier = _earlier.Plus(_capture.Counts);
            _capture = null;
            _published.Dispose();
            _published = null;
        }

        bool IsDue()
        {
            double now = Time.timeAsDouble, period = 1 / Math.Max(0.001, rateHz);
            if (now < _nextTime && _nextTime - now <= period)
            {
                return false;
            }

            // In step with the rate, unless a frame took longer than a period.
            _nextTime = Math.Abs(now - _nextTime) < period ? _nextTime + period : now + period;
            return true;
        }
    }
}
