using System;
using System.Collections.Generic;
using RosMessageTypes.Geometry;
using RosMessageTypes.Sensor;
using RosMessageTypes.UnityDepthPerception;

namespace UnityDepthPerception.Ros
{
    /// <summary>Measured objects as messages.</summary>
    static class TrueObjects
    {
        /// <summary>The message of one object; ids are those of the labels.</summary>
        public static ObjectDistanceMsg MessageOf(MeasuredObject item, List<LabelEntry> labels)
        {
            LabelEntry label = Find(labels, item.Value - 1);
            Double3 p = item.Position;
            return new ObjectDistanceMsg
            {
                id = item.Value - 1,
                parent_id = label.ParentId,
                category = label.Category,
                score = 1,
                bbox = new RegionOfInterestMsg(
                    (uint)item.XMin,
                    (uint)item.YMin,
                    (uint)(item.YMax - item.YMin),
                    (uint)(item.XMax - item.XMin),
                    false),
                distance = new DistanceStatisticsMsg(
                    (float)item.Center, (float)item.Mean, (float)item.Median, (float)item.Min, (float)item.Max),
                range = (float)Math.Sqrt(p.X * p.X + p.Y * p.Y + p.Z * p.Z),
                position = new PointMsg(p.X, p.Y, p.Z),
                valid_ratio = (float)item.ValidRatio,
                pixel_count = (uint)item.PixelCount
            };
        }

        static LabelEntry Find(List<LabelEntry> labels, int id)
        {
            for (int k = 0; k < labels.Count; k++)
            {
                if (labels[k].Id == id)
                {
                    return labels[k];
                }
            }

            return new LabelEntry(id, "unknown");
        }
    }
}
