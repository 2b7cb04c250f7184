namespace UnityDepthPerception
{
    /// <summary>
    /// Watches the state of the connector and reports an endpoint that does not answer. The connector itself retries
    /// silently.
    /// </summary>
    public sealed class ConnectionWatch
    {
        /// <summary>After this long without an answer [s] the address or port counts as wrong.</summary>
        public const double Patience = 4;

        double _silentSince = double.NaN;

        /// <summary>How it stands.</summary>
        public ConnectionState State { get; private set; }

        /// <summary>Looks at the connector; call it once a frame.</summary>
        /// <param name="now">Time [s] that also runs while the game is paused.</param>
        /// <param name="hasThread">ROSConnection.HasConnectionThread.</param>
        /// <param name="hasError">ROSConnection.HasConnectionError.</param>
        /// <param name="hasReceived">Whether anything ever came from the endpoint.</param>
        /// <returns>Whether the state has changed.</returns>
        public bool Update(double now, bool hasThread, bool hasError, bool hasReceived)
        {
            ConnectionState before = State;
            bool answers = hasThread && !hasError && hasReceived;
            if (!hasThread || answers)
            {
                _silentSince = double.NaN;
                State = answers ? ConnectionState.Connected : ConnectionState.NotStarted;
            }
            else
            {
                _silentSince = double.IsNaN(_silentSince) ? now : _silentSince;
                State = now - _silentSince >= Patience ? ConnectionState.NoAnswer : ConnectionState.Connecting;
            }

            return State != before;
        }

        /// <summary>The state in a sentence.</summary>
        /// <param name="address">ROSConnection.RosIPAddress.</param>
        /// <param name="port">ROSConnection.RosPort.</param>
        public string Describe(string address, int port)
        {
            string where = address + ":" + port;
            switch (State)
            {
                case ConnectionState.Connected:
                    return "Connected to " + where + ".";
                case ConnectionState.Connecting:
                    return "Connecting to " + where + " ...";
                case ConnectionState.NoAnswer:
                    return "No answer from " + where + ". Is the endpoint running there (it listens, Unity connects), "
                        + "and are address and port those of Robotics > ROS Settings? From another machine, and from "
                        + "WSL2 by its own address, the endpoint must listen on 0.0.0.0 and the firewall must let the "
                        + "port in.";
                default:
                    return "Not connected: tick Connect On Startup in Robotics > ROS Settings, or press Connect.";
            }
        }
    }
}
