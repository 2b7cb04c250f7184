using System;
using System.Collections.Generic;
using RosMessageTypes.Geometry;
using RosMessageTypes.Sensor;
using RosMessageTypes.Tf2;
using Unity.Robotics.ROSTCPConnector.MessageGeneration;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>The topics of one camera.</summary>
    sealed class CameraTopics : IDisposable
    {
        readonly List<IPooledPublisher> _publishers = new List<IPooledPublisher>();
        readonly RosLink _link;
        readonly CameraTopicSettings _settings;
        readonly string _frameId;
        readonly string _worldFrameId;
        readonly PooledPublisher<CameraInfoMsg> _infos;
        readonly PooledPublisher<ImageMsg> _images;
        readonly PooledPublisher<CompressedImageMsg> _jpegs;
        readonly PooledPublisher<PoseStampedMsg> _poses;
        readonly PooledPublisher<TFMessageMsg> _transforms;
        readonly GroundTruthPublisher _truth;

        /// <summary>Registers the topics for images of some size.</summary>
        public CameraTopics(RosLink link, CameraTopicSettings settings, int width, int height)
        {
            _link = link;
            _settings = settings;
            _frameId = settings.frameId;
            _worldFrameId = settings.worldFrameId;
            _infos = Add(settings.InfoTopic, RosMessages.NewCameraInfo);
            if (settings.encoding == ImageEncoding.Rgb8)
            {
                _images = Add(settings.ImageTopic, () => RosMessages.NewImage(width, height, "rgb8", 3));
            }
            else
            {
                _jpegs = Add(settings.ImageTopic, () => new CompressedImageMsg { format = "jpeg" });
            }

            if (settings.pose)
            {
                _poses = Add(settings.prefix + "/camera_pose", () => new PoseStampedMsg());
            }

            if (settings.tf)
            {
                _transforms = Add("/tf", NewTransforms);
            }

            if (settings.truth != TrueTopics.None)
            {
                _truth = new GroundTruthPublisher(link, settings.prefix, _frameId, settings.truth, width, height);
                _truth.AddTo(_publishers);
            }
        }

        /// <summary>Whether every topic has a message to fill.</summary>
        public bool CanPublish
        {
            get
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
        }

        /// <summary>
        /// Publishes a frame. The image comes last, so that the receiver has what it is paired with.
        /// </summary>
        public void Publish(FrameRequest frame, FrameCapture capture)
        {
            CameraInfoMsg info = _infos.Take();
            RosMessages.Set(info.header, frame.Stamp, _frameId);
            RosMessages.Set(info, frame.Intrinsics);
            _infos.Publish(info);
            PublishPose(frame);
            if (_truth != null)
            {
                _truth.Publish(frame, capture);
            }

            PublishImage(frame, capture);
        }

        /// <summary>Forgets the messages; the topics stay registered.</summary>
        public void Dispose()
        {
            foreach (IPooledPublisher publisher in _publishers)
            {
                _link.Remove(publisher);
            }
        }

        PooledPublisher<T> Add<T>(string topic, Func<T> make) where T : Message
        {
            PooledPublisher<T> publisher = _link.Publisher(topic, make);
            _publishers.Add(publisher);
            return publisher;
        }

        TFMessageMsg NewTransforms()
        {
            return new TFMessageMsg(new[] { new TransformStampedMsg { child_frame_id = _frameId } });
        }

        void PublishPose(FrameRequest frame)
        {
            if (_poses != null)
            {
                PoseStampedMsg pose = _poses.Take();
                RosMessages.Set(pose.header, frame.Stamp, _worldFrameId);
                RosMessages.Set(pose.pose, frame.Pose);
                _poses.Publish(pose);
            }

            if (_transforms != null)
            {
                TFMessageMsg message = _transforms.Take();
                RosMessages.Set(message.transforms[0].header, frame.Stamp, _worldFrameId);
                RosMessages.Set(message.transforms[0].transform, frame.Pose);
                _transforms.Publish(message);
            }
        }

        void PublishImage(FrameRequest frame, FrameCapture capture)
        {
            if (_images != null)
            {
                ImageMsg image = _images.Take();
                RosMessages.Set(image.header, frame.Stamp, _frameId);
                capture.CopyRgb(frame, image.data);
                _images.Publish(image);
                return;
            }

            CaptureSettings settings = capture.Settings;
            if (settings.colorRows == RowOrder.TopFirst)
            {
                PixelRows.Flip(frame.Color, 4 * settings.width); // the encoder expects the lower row first
            }

            CompressedImageMsg jpeg = _jpegs.Take();
            RosMessages.Set(jpeg.header, frame.Stamp, _frameId);
            jpeg.data = ImageConversion.EncodeArrayToJPG(
                frame.Color,
                FrameCapture.ColorFormat,
                (uint)settings.width,
                (uint)settings.height,
                0,
                _settings.jpegQuality);
            _jpegs.Publish(jpeg);
        }
    }
}
