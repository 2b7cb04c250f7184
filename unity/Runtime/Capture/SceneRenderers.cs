using System.Collections.Generic;
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.SceneManagement;

namespace UnityDepthPerception
{
    /// <summary>
    /// Finds everything that a camera may see, labelled or not, in all loaded scenes. It is done for every frame, so
    /// that what has just been spawned is in depth as it is in the image; no list is made anew.
    /// </summary>
    sealed class SceneRenderers
    {
        readonly List<GameObject> _roots = new List<GameObject>();
        readonly List<Renderer> _found = new List<Renderer>();
        readonly List<LODGroup> _foundGroups = new List<LODGroup>();
        readonly HashSet<Transform> _groups = new HashSet<Transform>();
        readonly Dictionary<Transform, int> _values = new Dictionary<Transform, int>();

        /// <summary>Fills a list with what a camera with a culling mask draws.</summary>
        public void Collect(int cullingMask, List<LabelledRenderer> drawn)
        {
            drawn.Clear();
            _values.Clear();
            foreach (ObjectLabel label in ObjectLabel.All)
            {
                _values[label.transform] = label.Id + 1;
            }

            for (int k = 0; k < SceneManager.sceneCount; k++)
            {
                Scene scene = SceneManager.GetSceneAt(k);
                if (scene.isLoaded)
                {
                    scene.GetRootGameObjects(_roots);
                    CollectRoots(cullingMask, drawn);
                }
            }
        }

        void CollectRoots(int cullingMask, List<LabelledRenderer> drawn)
        {
            foreach (GameObject root in _roots)
            {
                if (!root.activeInHierarchy)
                {
                    continue;
                }

                root.GetComponentsInChildren(false, _foundGroups);
                _groups.Clear();
                foreach (LODGroup group in _foundGroups)
                {
                    _groups.Add(group.transform);
                }

                root.GetComponentsInChildren(false, _found);
                foreach (Renderer renderer in _found)
                {
                    AddIfDrawn(renderer, cullingMask, drawn);
                }
            }
        }

        void AddIfDrawn(Renderer renderer, int cullingMask, List<LabelledRenderer> drawn)
        {
            bool isDrawn = renderer.enabled && !renderer.forceRenderingOff
                && (cullingMask & (1 << renderer.gameObject.layer)) != 0
                && renderer.shadowCastingMode != ShadowCastingMode.ShadowsOnly;
            if (!isDrawn)
            {
                return;
            }

            int value = 0;
            bool isOfGroup = false;
            for (Transform at = renderer.transform; at != null; at = at.parent)
            {
                if (value == 0 && _values.TryGetValue(at, out int found))
                {
                    value = found;
                }

                isOfGroup |= _groups.Contains(at);
            }

            // Which level of detail is on shows only in what was drawn.
            if (!isOfGroup || renderer.isVisible)
            {
                drawn.Add(new LabelledRenderer(renderer, value));
            }
        }
    }
}
