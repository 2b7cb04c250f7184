using RosMessageTypes.Rosgraph;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Publishes the game's time on /clock, for ROS nodes with use_sim_time. One in a scene is enough.
    /// </summary>
    [DisallowMultipleComponent]
    [DefaultExecutionOrder(-10000)]
    [AddComponentMenu("Unity Depth Perception/ROS Clock Publisher")]
    public sealed class RosClockPublisher : MonoBehaviour
    {
        static RosClockPublisher active;

        [SerializeField]
        string topic = "/clock";

        RosLink _link;
        PooledPublisher<ClockMsg> _publisher;

        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        static void Forget()
        {
            active = null;
        }

        void Start()
        {
            _link = RosLink.Current;
            _publisher = _link.Publisher(topic, () => new ClockMsg());
        }

        void Update()
        {
            _link.Update();
            active = active != null ? active : this;
            if (active != this || _link.State != ConnectionState.Connected || !_publisher.CanTake)
            {
                return;
            }

            ClockMsg message = _publisher.Take();
            RosMessages.Set(message.clock, RosMessages.Now(StampClock.Game));
            _publisher.Publish(message);
        }

        void OnDestroy()
        {
            if (active == this)
            {
                active = null;
            }

            if (_publisher != null)
            {
                _link.Remove(_publisher);
            }
        }
    }
}
