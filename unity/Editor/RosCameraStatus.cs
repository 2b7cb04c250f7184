#if UNITY_DEPTH_PERCEPTION_ROS
using UnityDepthPerception.Ros;
using UnityEditor;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>How a publishing camera stands: topics, connection, pictures sent, dropped and failed.</summary>
    static class RosCameraStatus
    {
        /// <summary>Draws it.</summary>
        public static void Draw(RosCameraPublisher publisher)
        {
            string image = publisher.Encoding == ImageEncoding.Jpeg ? "/image_raw/compressed" : "/image_raw";
            EditorGUILayout.LabelField("Picture", publisher.TopicPrefix + image);
            EditorGUILayout.LabelField("Intrinsics", publisher.TopicPrefix + "/camera_info");
            EditorGUILayout.LabelField("Frame", publisher.FrameId);
            if (!EditorApplication.isPlaying)
            {
                return;
            }

            MessageType type = RosLink.Current.State == ConnectionState.Connected ? MessageType.Info : MessageType.Warning;
            EditorGUILayout.HelpBox(RosLink.Current.Description, type);
            FrameCounts counts = publisher.Counts;
            EditorGUILayout.LabelField(
                "Pictures", "sent " + counts.Sent + ", dropped " + counts.Dropped + ", failed " + counts.Failed);
            if (publisher.Problem != null)
            {
                EditorGUILayout.HelpBox(publisher.Problem, MessageType.Error);
            }
        }
    }
}
#endif
