namespace UnityDepthPerception
{
    /// <summary>How it stands with the connection to ROS.</summary>
    public enum ConnectionState
    {
        /// <summary>Nobody has asked the connector to connect.</summary>
        NotStarted = 0,

        /// <summary>No answer yet, and not for long.</summary>
        Connecting = 1,

        /// <summary>The endpoint answers.</summary>
        Connected = 2,

        /// <summary>No answer for so long that something is wrong.</summary>
        NoAnswer = 3
    }
}
