using System.Collections.Generic;

namespace UnityEngine
{
    public sealed class Transform : Component
    {
        internal readonly List<Transform> Children = new List<Transform>();

        public Transform parent { get; private set; }

        public Vector3 localPosition { get; set; }

        public Quaternion localRotation { get; set; } = Quaternion.identity;

        public Vector3 localScale { get; set; } = Vector3.one;

        public Vector3 position
        {
            get { return parent == null ? localPosition : parent.TransformPoint(localPosition); }
            set { localPosition = parent == null ? value : parent.InverseTransformPoint(value); }
        }

        public Quaternion rotation
        {
            get { return parent == null ? localRotation : parent.rotation * localRotation; }
            set { localRotation = parent == null ? value : Quaternion.Inverse(parent.rotation) * value; }
        }

        internal Transform Root => parent == null ? this : parent.Root;

        public Vector3 TransformPoint(Vector3 p)
        {
            Vector3 own = localPosition + localRotation * Vector3.Scale(localScale, p);
            return parent == null ? own : parent.TransformPoint(own);
        }

        public void SetPositionAndRotation(Vector3 newPosition, Quaternion newRotation)
        {
            position = newPosition;
            rotation = newRotation;
        }

        public void SetParent(Transform newParent) => SetParent(newParent, true);

        public void SetParent(Transform newParent, bool worldPositionStays)
        {
            Vector3 p = position;
            Quaternion q = rotation;
            StubScene home = Root.gameObject.Home;
            (parent == null ? null : parent.Children)?.Remove(this);
            home.Roots.Remove(gameObject);
            parent = newParent;
            if (parent != null)
            {
                parent.Children.Add(this);
            }
            else
            {
                gameObject.Home = home;
                home.Roots.Add(gameObject);
            }

            if (worldPositionStays)
            {
                SetPositionAndRotation(p, q);
            }
        }

        Vector3 InverseTransformPoint(Vector3 p)
        {
            Vector3 inner = parent == null ? p : parent.InverseTransformPoint(p);
            Vector3 turned = Quaternion.Inverse(localRotation) * (inner - localPosition);
            return new Vector3(turned.x / localScale.x, turned.y / localScale.y, turned.z / localScale.z);
        }
    }
}
