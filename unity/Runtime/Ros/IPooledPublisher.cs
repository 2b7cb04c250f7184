using Unity.Robotics.ROSTCPConnector.MessageGeneration;

namespace UnityDepthPerception.Ros
{
    /// <summary>A publisher of any message.</summary>
    interface IPooledPublisher
    {
        /// <summary>Name of the topic.</summary>
        string Topic { get; }

        /// <summary>Whether a message is free.</summary>
        bool CanTake { get; }

        /// <summary>
        /// Gets a message of the topic back, its own or another publisher's; on the connector's thread.
        /// </summary>
        void TakeBack(Message message);

        /// <summary>
        /// Makes new messages for those that the connector has not given back: it forgets the one that it was sending
        /// when a connection broke.
        /// </summary>
        void ReplaceLost();
    }
}
