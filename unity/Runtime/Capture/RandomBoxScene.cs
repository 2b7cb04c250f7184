using System.Collections.Generic;
using UnityEngine;

namespace UnityDepthPerception
{
    /// <summary>
    /// Builds random scenes of coloured cubes and parallelepipeds on a floor, labelled, with materials of its own. One
    /// seed and number, one scene.
    /// </summary>
    [AddComponentMenu("Unity Depth Perception/Random Box Scene")]
    public sealed class RandomBoxScene : MonoBehaviour
    {
        static readonly Vector2[] HuesDegrees =
        {
            new Vector2(-7, 7), new Vector2(22, 33), new Vector2(50, 60), new Vector2(98, 142), new Vector2(205, 236),
            new Vector2(270, 298)
        };

        readonly List<Material> _materials = new List<Material>();

        [SerializeField]
        [Tooltip("Edge of the cubes [m]. The embedded depth network has learnt 0.07.")]
        float cubeEdge = 0.07f;

        [SerializeField]
        [Tooltip("Material that each object gets a coloured copy of, such as one of URP Lit. None: a simple one.")]
        Material template;

        [SerializeField]
        [Tooltip("Scene that is built on start. -1: none.")]
        int sceneOnStart = -1;

        [SerializeField]
        [Tooltip("Seed of the scene that is built on start.")]
        int seedOnStart;

        Mesh _cube;
        GameObject _root;

        /// <summary>Edge of the cubes [m].</summary>
        public float CubeEdge
        {
            get { return cubeEdge; }
            set { cubeEdge = value; }
        }

        /// <summary>The scene that stands, or null.</summary>
        public BoxSceneLayout Layout { get; private set; }

        /// <summary>Builds a scene in place of the one before.</summary>
        /// <param name="seed">Seed of the dataset.</param>
        /// <param name="index">Number of the scene.</param>
        /// <param name="view">Camera that is moved to where it sees the scene; null: none.</param>
        public void Build(int seed, int index, Camera view)
        {
            Clear();
            Layout = new BoxSceneLayout(seed, index, cubeEdge);
            var random = new SeededRandom(~seed, index);
            _cube = _cube != null ? _cube : SimpleMeshes.Cube();
            _root = new GameObject("Random scene " + index);
            _root.transform.SetParent(transform, false);
            float grey = (float)random.Range(0.35, 0.75);
            AddBox("Floor", new Vector3(0, -0.05f, 0), 0, new Vector3(40, 0.1f, 40) * cubeEdge / 0.07f, Grey(grey));
            var labels = new List<ObjectLabel>();
            foreach (BoxSpec box in Layout.Boxes)
            {
                labels.Add(AddLabelled(box, labels, random));
            }

            if (view != null)
            {
                Vector3 eye = ToVector(Layout.Eye), at = ToVector(Layout.LookAt);
                view.transform.SetPositionAndRotation(
                    transform.TransformPoint(eye), transform.rotation * Quaternion.LookRotation(at - eye, Vector3.up));
            }
        }

        /// <summary>Takes the scene away at once, so that its labels free their ids.</summary>
        public void Clear()
        {
            if (_root != null)
            {
                _root.SetActive(false);
                Destroy(_root);
            }

            foreach (Material material in _materials)
            {
                Destroy(material);
            }

            _materials.Clear();
            Layout = null;
        }

        void Start()
        {
            if (sceneOnStart >= 0)
            {
                Build(seedOnStart, sceneOnStart, null);
            }
        }

        void OnDestroy()
        {
            Clear();
            if (_cube != null)
            {
                Destroy(_cube);
            }
        }

        ObjectLabel AddLabelled(BoxSpec box, List<ObjectLabel> earlier, SeededRandom random)
        {
            Vector2 hues = HuesDegrees[System.Array.IndexOf(BoxSceneLayout.Colors, box.Color)];
            float hue = Mathf.Repeat((float)random.Range(hues.x, hues.y) / 360, 1);
            Color color = Color.HSVToRGB(hue, (float)random.Range(0.68, 1), (float)random.Range(0.6, 1));
            GameObject made = AddBox(
                box.Category, ToVector(box.Center), (float)box.YawDegrees, ToVector(box.Size), color);
            ObjectLabel label = made.AddComponent<ObjectLabel>();
            label.Category = box.Category;
            label.ParentSource = ParentSource.Given;
            label.Parent = box.Parent >= 0 ? earlier[box.Parent] : null;
            return label;
        }

        GameObject AddBox(string title, Vector3 center, float yawDegrees, Vector3 size, Color color)
        {
            var box = new GameObject(title);
            box.transform.SetParent(_root.transform, false);
            box.transform.localPosition = center;
            box.transform.localRotation = Quaternion.Euler(0, yawDegrees, 0);
            box.transform.localScale = size;
            box.AddComponent<MeshFilter>().sharedMesh = _cube;
            Material material = template != null
                ? new Material(template) { color = color }
                : SimpleMaterials.Flat(color, 0.6f);
            _materials.Add(material);
            box.AddComponent<MeshRenderer>().sharedMaterial = material;
            return box;
        }

        static Color Grey(float value) => new Color(value, value, value);

        static Vector3 ToVector(Double3 v) => new Vector3((float)v.X, (float)v.Y, (float)v.Z);
    }
}
