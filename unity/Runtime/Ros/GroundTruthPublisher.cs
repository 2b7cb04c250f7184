using System;
using System.Collections.Generic;
using RosMessageTypes.Sensor;
using RosMessageTypes.UnityDepthPerception;
using RosMessageTypes.Vision;

namespace UnityDepthPerception.Ros
{
    /// <summary>The topics below ground_truth/ of one camera.</summary>
    sealed class GroundTruthPublisher
    {
        readonly TrueTopics _topics;
        readonly string _frameId;
        readonly LabelTable _labels = new LabelTable();
        readonly float[] _depth;
        readonly ushort[] _ids;
        readonly PooledPublisher<ImageMsg> _depthImages;
        readonly PooledPublisher<ImageMsg> _instanceImages;
        readonly PooledPublisher<LabelInfoMsg> _labelInfos;
        readonly PooledPublisher<ObjectDistanceArrayMsg> _objects;
        VisionClassMsg[] _classes = new VisionClassMsg[0];
        int _classesVersion = -1;

        public GroundTruthPublisher(
            RosLink link, string prefix, string frameId, TrueTopics topics, int width, int height)
        {
            _topics = topics;
            _frameId = frameId;
            _depth = new float[width * height];
            _ids = new ushort[width * height];
            prefix += "/ground_truth/";
            if (Has(TrueTopics.Depth))
            {
                _depthImages = link.Publisher(prefix + "depth", () => RosMessages.NewImage(width, height, "32FC1", 4));
            }

            if (Has(TrueTopics.Instances))
            {
                _instanceImages = link.Publisher(
                    prefix + "instances", () => RosMessages.NewImage(width, height, "16UC1", 2));
                _labelInfos = link.Publisher(prefix + "label_info", () => new LabelInfoMsg());
            }

            if (Has(TrueTopics.Objects))
            {
                _objects = link.Publisher(prefix + "objects", () => new ObjectDistanceArrayMsg());
            }
        }

        /// <summary>Adds the publishers that there are.</summary>
        public void AddTo(List<IPooledPublisher> publishers)
        {
            foreach (IPooledPublisher publisher in new IPooledPublisher[]
            {
                _depthImages, _instanceImages, _labelInfos, _objects
            })
            {
                if (publisher != null)
                {
                    publishers.Add(publisher);
                }
            }
        }

        /// <summary>Publishes what is true of a frame.</summary>
        public void Publish(FrameRequest frame, FrameCapture capture)
        {
            capture.CopyDepth(frame, _depth);
            capture.CopyIds(frame, _ids);
            if (_depthImages != null)
            {
                PublishPixels(_depthImages, frame.Stamp, _depth);
            }

            if (_instanceImages != null)
            {
                PublishLabels(frame.Stamp);
                PublishPixels(_instanceImages, frame.Stamp, _ids);
            }

            if (_objects != null)
            {
                PublishObjects(frame);
            }
        }

        bool Has(TrueTopics topic) => (_topics & topic) != 0;

        void PublishPixels(PooledPublisher<ImageMsg> publisher, FrameStamp stamp, Array pixels)
        {
            ImageMsg message = publisher.Take();
            RosMessages.Set(message.header, stamp, _frameId);
            PixelRows.ToBytes(pixels, message.data);
            publisher.Publish(message);
        }

        void PublishLabels(FrameStamp stamp)
        {
            if (_classesVersion != ObjectLabel.Version)
            {
                // A new array: the old one may still be waiting to be sent.
                IReadOnlyList<ObjectLabel> labels = ObjectLabel.All;
                _classes = new VisionClassMsg[labels.Count];
                for (int k = 0; k < labels.Count; k++)
                {
                    _classes[k] = new VisionClassMsg((ushort)(labels[k].Id + 1), labels[k].Category);
                }

                _classesVersion = ObjectLabel.Version;
            }

            LabelInfoMsg message = _labelInfos.Take();
            RosMessages.Set(message.header, stamp, _frameId);
            message.class_map = _classes;
            _labelInfos.Publish(message);
        }

        void PublishObjects(FrameRequest frame)
        {
            _labels.Refresh();
            List<MeasuredObject> measured = ObjectMeasurement.Measure(_ids, _depth, frame.Intrinsics);
            ObjectDistanceArrayMsg message = _objects.Take();
            RosMessages.Set(message.header, frame.Stamp, _frameId);
            message.depth_model = message.segmentation_model = "truth";
            message.objects = new ObjectDistanceMsg[measured.Count];
            for (int k = 0; k < measured.Count; k++)
            {
                message.objects[k] = TrueObjects.MessageOf(measured[k], _labels.Entries);
            }

            _objects.Publish(message);
        }
    }
}
