using System.Collections.Generic;
using RosMessageTypes.UnityDepthPerception;
using UnityEngine;

namespace UnityDepthPerception.Ros
{
    /// <summary>
    /// Draws what perception says over the Game view: boxes, categories, distances, and what each object stands on. The
    /// image that was sent lies beneath it on request, as a camera that only publishes shows nothing.
    /// </summary>
    [AddComponentMenu("Unity Depth Perception/Object Distance Overlay")]
    public sealed class ObjectDistanceOverlay : MonoBehaviour
    {
        const float LineWidth = 2;
        readonly List<OverlayItem> _items = new List<OverlayItem>();

        [SerializeField]
        [Tooltip("The camera that perception looks through; gives the size of its images.")]
        RosCameraPublisher cameraPublisher;

        [SerializeField]
        string topic = "/unity/perception/objects/distances";

        [SerializeField]
        [Tooltip("Draw the image that was sent, in letter box, under the boxes.")]
        bool showImage = true;

        [SerializeField]
        [Tooltip("Seconds after which distances that are not renewed disappear.")]
        float maxAge = 1;

        GUIStyle _style;
        RosLink _link;
        string _heard;
        float _receivedAt = float.NegativeInfinity;

        /// <summary>The camera that perception looks through.</summary>
        public RosCameraPublisher CameraPublisher
        {
            get { return cameraPublisher; }
            set { cameraPublisher = value; }
        }

        /// <summary>What is drawn.</summary>
        internal IReadOnlyList<OverlayItem> Items => _items;

        void Awake()
        {
            useGUILayout = false;
        }

        void Start()
        {
            _link = RosLink.Current;
            _heard = topic;
            _link.AddListener<ObjectDistanceArrayMsg>(_heard, TakeObjects);
        }

        void OnDestroy()
        {
            if (_link != null)
            {
                _link.RemoveListener<ObjectDistanceArrayMsg>(_heard, TakeObjects);
            }
        }

        void TakeObjects(ObjectDistanceArrayMsg message)
        {
            _items.Clear();
            foreach (ObjectDistanceMsg item in message.objects)
            {
                _items.Add(OverlayItem.Of(item));
            }

            _receivedAt = Time.realtimeSinceStartup;
        }

        void OnGUI()
        {
            if (Event.current.type != EventType.Repaint || cameraPublisher == null)
            {
                return;
            }

            _style = _style ?? new GUIStyle(GUI.skin.label) { fontSize = 13, fontStyle = FontStyle.Bold };
            CaptureSettings image = cameraPublisher.Image;
            var box = new Letterbox(image.width, image.height, Screen.width, Screen.height);
            if (showImage && cameraPublisher.ColorTexture != null)
            {
                var screen = new Rect(0, 0, Screen.width, Screen.height);
                GUI.DrawTexture(screen, cameraPublisher.ColorTexture, ScaleMode.ScaleToFit, false);
            }

            if (Time.realtimeSinceStartup - _receivedAt > maxAge)
            {
                return;
            }

            foreach (OverlayItem item in _items)
            {
                Draw(item, box);
            }

            GUI.color = Color.white;
        }

        void Draw(OverlayItem item, Letterbox box)
        {
            float left = (float)box.X(item.Left), right = (float)box.X(item.Right);
            float top = (float)box.Y(item.Top), bottom = (float)box.Y(item.Bottom);
            GUI.color = item.Color;
            GUI.DrawTexture(new Rect(left, top, right - left, LineWidth), Texture2D.whiteTexture);
            GUI.DrawTexture(new Rect(left, bottom - LineWidth, right - left, LineWidth), Texture2D.whiteTexture);
            GUI.DrawTexture(new Rect(left, top, LineWidth, bottom - top), Texture2D.whiteTexture);
            GUI.DrawTexture(new Rect(right - LineWidth, top, LineWidth, bottom - top), Texture2D.whiteTexture);
            GUI.Label(new Rect(left, top - 20, 400, 20), item.Text, _style);
        }
    }
}
