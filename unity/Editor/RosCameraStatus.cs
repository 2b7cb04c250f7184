#if UNITY_DEPTH_PERCEPTION_ROS
using UnityDepthPerception.Ros;
using UnityEditor;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>How a publishing camera stands: topics, connection, images sent, dropped and failed.</summary>
    static class RosCameraStatus
    {
        /// <summary>Draws it.</summary>
        public static void Draw(RosCameraPublisher publisher)
        {
            EditorGUILayout.LabelField("Image", publisher.Topics.ImageTopic);
            EditorGUILayout.LabelField("Intrinsics", publisher.Topics.InfoTopic);
            EditorGUILayout.LabelField("Frame", publisher.Topics.frameId);
            if (!EditorApplication.isPlaying)
            {
                return;
            }

            bool isConnected = RosLink.Current.State == ConnectionState.Connected;
            MessageType type = isConnected ? MessageType.Info : MessageType.Warning;
            EditorGUILayout.HelpBox(RosLink.Current.Description, type);
            FrameCounts counts = publisher.Counts;
            EditorGUILayout.LabelField(
                "Images", "sent " + counts.Sent + ", dropped " + counts.Dropped + ", failed " + counts.Failed);
            if (publisher.Problem != null)
            {
                EditorGUILayout.HelpBox(publisher.Problem, MessageType.Error);
            }
        }
    }
}
#endif
