using System.Collections.Generic;

namespace UnityDepthPerception
{
    /// <summary>The entry of one image in annotations.json.</summary>
    static class AnnotationJson
    {
        /// <summary>The entry, in one line.</summary>
        /// <param name="image">File name of the image.</param>
        /// <param name="pose">Pose of the camera's optical frame.</param>
        /// <param name="objects">The visible objects; their ids count up from 0 in this order.</param>
        /// <param name="labels">Category and parent by value in the instance image.</param>
        public static string Of(
            string image, RigidPose pose, List<MeasuredObject> objects, Dictionary<int, LabelEntry> labels)
        {
            var newIds = new Dictionary<int, int>();
            for (int k = 0; k < objects.Count; k++)
            {
                newIds[objects[k].Value - 1] = k;
            }

            JsonWriter json = new JsonWriter().BeginObject().Name("image").Value(image).Name("objects").BeginArray();
            for (int k = 0; k < objects.Count; k++)
            {
                WriteObject(json, k, objects[k], labels[objects[k].Value], newIds);
            }

            json.EndArray().Name("camera_pose").BeginObject().Name("position");
            WriteNumbers(json, pose.Position.X, pose.Position.Y, pose.Position.Z);
            json.Name("orientation");
            DoubleQuaternion q = pose.Orientation;
            WriteNumbers(json, q.X, q.Y, q.Z, q.W);
            return json.EndObject().EndObject().ToString();
        }

        static void WriteObject(
            JsonWriter json, int id, MeasuredObject item, LabelEntry label, Dictionary<int, int> newIds)
        {
            json.BeginObject().Name("id").Value(id).Name("category").Value(label.Category).Name("bbox");
            json.BeginArray().Value(item.XMin).Value(item.YMin).Value(item.XMax).Value(item.YMax).EndArray();
            json.Name("parent_id");
            if (newIds.TryGetValue(label.ParentId, out int parent))
            {
                json.Value(parent);
            }
            else
            {
                json.Raw("null");
            }

            json.Name("distance").BeginObject();
            json.Name("center").Value(item.Center).Name("mean").Value(item.Mean).Name("median").Value(item.Median);
            json.Name("min").Value(item.Min).Name("max").Value(item.Max).EndObject();
            json.Name("position");
            WriteNumbers(json, item.Position.X, item.Position.Y, item.Position.Z);
            json.Name("valid_ratio").Value(item.ValidRatio).Name("pixel_count").Value(item.PixelCount).EndObject();
        }

        static void WriteNumbers(JsonWriter json, params double[] numbers)
        {
            json.BeginArray();
            foreach (double number in numbers)
            {
                json.Value(number);
            }

            json.EndArray();
        }
    }
}
