using UnityDepthPerception.Ros;
using UnityEngine;

namespace UnityDepthPerception.Samples
{
    /// <summary>
    /// A random scene of boxes, a camera that is published to ROS 2, and what perception says about it drawn over the
    /// Game view. Everything is made when the game starts: put the component on an empty object and press Play.
    /// </summary>
    public sealed class BoxWorld : MonoBehaviour
    {
        [SerializeField]
        [Tooltip("Seconds until the next scene.")]
        float secondsPerScene = 10;

        [SerializeField]
        int seed = 1;

        [SerializeField]
        [Tooltip("Publish true depth, instances and objects below /unity/camera/ground_truth.")]
        bool publishTruth = true;

        Camera _camera;
        RandomBoxScene _scenes;
        int _index = -1;

        void Start()
        {
            _scenes = new GameObject("Scenes").AddComponent<RandomBoxScene>();
            _camera = new GameObject("Camera").AddComponent<Camera>();
            _camera.nearClipPlane = 0.02f;
            _camera.farClipPlane = 50;
            RosCameraPublisher publisher = _camera.gameObject.AddComponent<RosCameraPublisher>();
            publisher.Image = CaptureSettings.OfSize(640, 480);
            publisher.Topics.truth = publishTruth
                ? TrueTopics.Depth | TrueTopics.Instances | TrueTopics.Objects
                : TrueTopics.None;
            _camera.gameObject.AddComponent<ObjectDistanceOverlay>().CameraPublisher = publisher;
            _camera.gameObject.AddComponent<CameraTestRunner>();
        }

        void Update()
        {
            int index = (int)(Time.timeAsDouble / secondsPerScene);
            if (index != _index)
            {
                _index = index;
                _scenes.Build(seed, index, _camera);
            }
        }
    }
}
