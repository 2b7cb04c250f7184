using System;
using System.Collections.Generic;
using RosMessageTypes.Geometry;
using RosMessageTypes.Sensor;
using RosMessageTypes.Tf2;
using UnityEngine;
using UnityEngine.Experimental.Rendering;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Publishes a camera: picture, CameraInfo, pose and tf of the very instant of rendering, and on request what the
    /// simulation knows. Works in the built-in pipeline, URP and HDRP; the camera may be disabled, and then costs nothing
    /// but what is published.
    /// </summary>
    [RequireComponent(typeof(Camera))]
    [DisallowMultipleComponent]
    [DefaultExecutionOrder(10000)]
    [AddComponentMenu("Unity Depth Perception/ROS Camera Publisher")]
    public sealed class RosCameraPublisher : MonoBehaviour, IFrameSink
    {
        readonly List<IPooledPublisher> _publishers = new List<IPooledPublisher>();

        [SerializeField]
        CaptureSettings picture = CaptureSettings.OfSize(1024, 1024);

        [SerializeField]
        [Tooltip("Pictures in a second of game time.")]
        float rateHz = 10;

        [SerializeField]
        ImageEncoding encoding = ImageEncoding.Rgb8;

        [SerializeField]
        [Range(1, 100)]
        int jpegQuality = 90;

        [SerializeField]
        [Tooltip("Topics begin with it: /unity/camera/image_raw and so on.")]
        string topicPrefix = "/unity/camera";

        [SerializeField]
        [Tooltip("Name of the camera's optical frame (x right, y down, z forward).")]
        string frameId = "unity_camera_optical";

        [SerializeField]
        [Tooltip("Name of the world frame (z up) of pose and tf.")]
        string worldFrameId = "map";

        [SerializeField]
        StampClock stamps = StampClock.Unix;

        [SerializeField]
        bool publishPose = true;

        [SerializeField]
        [Tooltip("Publish the camera's frame on /tf.")]
        bool publishTf = true;

        [SerializeField]
        TrueTopics truth = TrueTopics.None;

        Camera _camera;
        RosLink _link;
        FrameCapture _capture;
        GroundTruthPublisher _truth;
        PooledPublisher<ImageMsg> _images;
        PooledPublisher<CompressedImageMsg> _jpegs;
        PooledPublisher<CameraInfoMsg> _infos;
        PooledPublisher<PoseStampedMsg> _poses;
        PooledPublisher<TFMessageMsg> _transforms;
        FrameCounts _earlier;
        double _nextTime;
        bool _hasStarted;

        /// <summary>Size of the pictures, and how they are read back; a change takes effect with the next picture.</summary>
        public CaptureSettings Picture
        {
            get { return picture; }
            set { picture = value; }
        }

        /// <summary>Pictures in a second of game time.</summary>
        public float RateHz
        {
            get { return rateHz; }
            set { rateHz = value; }
        }

        /// <summary>How pictures are sent; set it before the component starts.</summary>
        public ImageEncoding Encoding
        {
            get { return encoding; }
            set { encoding = value; }
        }

        /// <summary>What the simulation publishes of what it knows; set it before the component starts.</summary>
        public TrueTopics Truth
        {
            get { return truth; }
            set { truth = value; }
        }

        /// <summary>Which clock stamps come from.</summary>
        public StampClock Stamps
        {
            get { return stamps; }
            set { stamps = value; }
        }

        /// <summary>What topics begin with; set it before the component starts.</summary>
        public string TopicPrefix
        {
            get { return topicPrefix; }
            set { topicPrefix = value; }
        }

        /// <summary>Name of the camera's optical frame.</summary>
        public string FrameId
        {
            get { return frameId; }
            set { frameId = value; }
        }

        /// <summary>What became of the pictures; sent ones were handed to the connector.</summary>
        public FrameCounts Counts => _capture == null ? _earlier : Sum(_earlier, _capture.Counts);

        /// <summary>Intrinsics of the last picture.</summary>
        public PinholeIntrinsics Intrinsics => _capture != null ? _capture.Intrinsics : default(PinholeIntrinsics);

        /// <summary>The picture as it is sent, or null.</summary>
        public RenderTexture ColorTexture => _capture != null ? _capture.ColorTexture : null;

        /// <summary>Why nothing is published although ROS is there; null if all is well.</summary>
        public string Problem { get; private set; }

        /// <inheritdoc/>
        bool IFrameSink.TakeFrame(FrameRequest frame, FrameCapture capture)
        {
            if (_link.State != ConnectionState.Connected || !CanPublish())
            {
                return false;
            }

            // First what the picture is waited for with, so that the receiver finds it there.
            CameraInfoMsg info = _infos.Take();
            RosMessages.Set(info.header, frame.Stamp, frameId);
            RosMessages.Set(info, frame.Intrinsics);
            _infos.Publish(info);
            PublishPose(frame);
            if (_truth != null)
            {
                _truth.Publish(frame, capture);
            }

            PublishPicture(frame, capture);
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

            if (picture.width != _capture.Settings.width || picture.height != _capture.Settings.height)
            {
                Close();
                Open();
            }

            if (_camera.orthographic)
            {
                Problem = "the camera is orthographic, which has no intrinsics: set Projection to Perspective";
                return;
            }

            _capture.Request(RosMessages.Now(stamps));
            Problem = _capture.LastFailure;
        }

        void Open()
        {
            try
            {
                FrameParts parts = truth == TrueTopics.None
                    ? FrameParts.Color
                    : FrameParts.Color | FrameParts.DepthAndId;
                _capture = new FrameCapture(_camera, picture, parts, this);
                Problem = null;
            }
            catch (NotSupportedException error)
            {
                Problem = error.Message;
                Debug.LogError(name + ": " + error.Message, this);
                return;
            }

            _link = RosLink.Current;
            AddPublishers(_link);
        }

        void AddPublishers(RosLink link)
        {
            int width = picture.width, height = picture.height;
            _infos = Add(link, topicPrefix + "/camera_info", RosMessages.NewCameraInfo);
            if (encoding == ImageEncoding.Rgb8)
            {
                _images = Add(link, topicPrefix + "/image_raw", () => RosMessages.NewImage(width, height, "rgb8", 3));
            }
            else
            {
                _jpegs = Add(
                    link, topicPrefix + "/image_raw/compressed", () => new CompressedImageMsg { format = "jpeg" });
            }

            if (publishPose)
            {
                _poses = Add(link, topicPrefix + "/camera_pose", () => new PoseStampedMsg());
            }

            if (publishTf)
            {
                _transforms = Add(
                    link, "/tf", () => new TFMessageMsg(new[] { new TransformStampedMsg { child_frame_id = frameId } }));
            }

            if (truth != TrueTopics.None)
            {
                _truth = new GroundTruthPublisher(link, topicPrefix, frameId, truth, width, height);
                _truth.AddTo(_publishers);
            }
        }

        PooledPublisher<T> Add<T>(RosLink link, string topic, Func<T> make)
            where T : Unity.Robotics.ROSTCPConnector.MessageGeneration.Message
        {
            PooledPublisher<T> publisher = link.Publisher(topic, make);
            _publishers.Add(publisher);
            return publisher;
        }

        void Close()
        {
            if (_capture == null)
            {
                return;
            }

            _capture.Dispose();
            _earlier = Sum(_earlier, _capture.Counts);
            _capture = null;
            foreach (IPooledPublisher publisher in _publishers)
            {
                _link.Remove(publisher);
            }

            _publishers.Clear();
            _images = null;
            _jpegs = null;
            _poses = null;
            _transforms = null;
            _truth = null;
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

        bool CanPublish()
        {
            foreach (IPooledPublisher publisher in _publishers)
            {
                if (!publisher.CanTake)
                {
                    return false;
                }
            }

            return true;
        }

        void PublishPose(FrameRequest frame)
        {
            if (_poses != null)
            {
                PoseStampedMsg pose = _poses.Take();
                RosMessages.Set(pose.header, frame.Stamp, worldFrameId);
                RosMessages.Set(pose.pose, frame.Pose);
                _poses.Publish(pose);
            }

            if (_transforms != null)
            {
                TFMessageMsg message = _transforms.Take();
                RosMessages.Set(message.transforms[0].header, frame.Stamp, worldFrameId);
                RosMessages.Set(message.transforms[0].transform, frame.Pose);
                _transforms.Publish(message);
            }
        }

        void PublishPicture(FrameRequest frame, FrameCapture capture)
        {
            if (_images != null)
            {
                ImageMsg image = _images.Take();
                RosMessages.Set(image.header, frame.Stamp, frameId);
                capture.CopyRgb(frame, image.data);
                _images.Publish(image);
                return;
            }

            CompressedImageMsg jpeg = _jpegs.Take();
            RosMessages.Set(jpeg.header, frame.Stamp, frameId);
            jpeg.data = ImageConversion.EncodeArrayToJPG(
                frame.Color, FrameCapture.ColorFormat, (uint)picture.width, (uint)picture.height, 0, jpegQuality);
            _jpegs.Publish(jpeg);
        }

        static FrameCounts Sum(FrameCounts a, FrameCounts b)
        {
            return new FrameCounts(
                a.Requested + b.Requested, a.Sent + b.Sent, a.Dropped + b.Dropped, a.Failed + b.Failed);
        }
    }
}
