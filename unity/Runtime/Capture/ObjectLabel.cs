using System.Collections.Generic;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>
    /// Makes an object known to true instances and datasets: category, id, and what it stands on. It holds for all
    /// renderers below it, up to the next ObjectLabel.
    /// </summary>
    [DisallowMultipleComponent]
    [AddComponentMenu("Unity Depth Perception/Object Label")]
    public sealed class ObjectLabel : MonoBehaviour
    {
        /// <summary>The largest id: instance images have 16 bits, and 0 is the background.</summary>
        public const int LargestId = ushort.MaxValue - 1;

        const int Automatic = -1;
        static readonly List<ObjectLabel> Enabled = new List<ObjectLabel>();
        static readonly HashSet<int> UsedIds = new HashSet<int>();
        static readonly List<Renderer> Renderers = new List<Renderer>();

        [SerializeField]
        [Tooltip("Category, such as red_cube. Empty: the object's name.")]
        string category = "";

        [SerializeField]
        [Tooltip("Id in true instances (value = id + 1). -1: the lowest free one.")]
        int id = Automatic;

        [SerializeField]
        [Tooltip("How the object that it stands on is found.")]
        ParentSource parentSource = ParentSource.Contact;

        [SerializeField]
        [Tooltip("What it stands on, if Parent Source is Given. None: the floor.")]
        ObjectLabel parent;

        int _id = Automatic;

        /// <summary>All labels of active objects.</summary>
        public static IReadOnlyList<ObjectLabel> All => Enabled;

        /// <summary>Grows whenever a label comes, goes or changes its category.</summary>
        public static int Version { get; private set; }

        /// <summary>Category; the object's name where none was given.</summary>
        public string Category
        {
            get { return string.IsNullOrEmpty(category) ? name : category; }
            set
            {
                category = value;
                Version++;
            }
        }

        /// <summary>Id while the object is active; its value in true instances is one more.</summary>
        public int Id => _id;

        /// <summary>How the object that this one stands on is found.</summary>
        public ParentSource ParentSource
        {
            get { return parentSource; }
            set { parentSource = value; }
        }

        /// <summary>What it stands on, if <see cref="ParentSource"/> is Given; null: the floor.</summary>
        public ObjectLabel Parent
        {
            get { return parent; }
            set { parent = value; }
        }

        /// <summary>The box along the world's axes around everything that the label holds for.</summary>
        /// <returns>Whether there is anything.</returns>
        public bool TryGetBounds(out WorldBounds bounds)
        {
            GetComponentsInChildren(false, Renderers);
            bool isFirst = true;
            Bounds all = default(Bounds);
            foreach (Renderer renderer in Renderers)
            {
                if (!renderer.enabled)
                {
                    continue;
                }

                if (isFirst)
                {
                    all = renderer.bounds;
                }
                else
                {
                    all.Encapsulate(renderer.bounds);
                }

                isFirst = false;
            }

            Renderers.Clear();
            Vector3 min = all.min, max = all.max;
            bounds = new WorldBounds(new Double3(min.x, min.y, min.z), new Double3(max.x, max.y, max.z));
            return !isFirst;
        }

        [RuntimeInitializeOnLoadMethod(RuntimeInitializeLoadType.SubsystemRegistration)]
        static void ForgetAll()
        {
            // With domain reload switched off, statics outlive play mode.
            Enabled.Clear();
            UsedIds.Clear();
        }

        void OnEnable()
        {
            _id = id >= 0 && id <= LargestId && UsedIds.Add(id) ? id : LowestFreeId();
            if (id != Automatic && _id != id)
            {
                Debug.LogWarning(
                    name + ": expected an id of 0 to " + LargestId + " that no other label has, got " + id + "; it is "
                    + _id + " now",
                    this);
            }

            Enabled.Add(this);
            Version++;
        }

        void OnDisable()
        {
            Enabled.Remove(this);
            UsedIds.Remove(_id);
            _id = Automatic;
            Version++;
        }

        static int LowestFreeId()
        {
            int free = 0;
            while (!UsedIds.Add(free))
            {
                free++;
            }

            return free;
        }
    }
}
