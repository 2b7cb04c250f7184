namespace UnityDepthPerception.Ros
{
    /// <summary>Which clock stamps come from.</summary>
    public enum StampClock
    {
        /// <summary>The computer's clock, which ROS nodes go by unless use_sim_time is set.</summary>
        Unix = 0,

        /// <summary>
        /// Time.timeAsDouble, which begins near 0 and stands still while the game is paused: for nodes with
        /// use_sim_time, with a RosClockPublisher in the scene.
        /// </summary>
        Game = 1
    }
}
