using UnityEditor;
using UnityEngine;

namespace UnityDepthPerception.EditorTools
{
    /// <summary>Labels the selected objects, from the GameObject menu.</summary>
    static class ObjectLabelMenu
    {
        [MenuItem("GameObject/Unity Depth Perception/Label Selected Objects", false, 20)]
        static void LabelSelected()
        {
            foreach (GameObject item in Selection.gameObjects)
            {
                if (item.GetComponent<ObjectLabel>() == null)
                {
                    Undo.AddComponent<ObjectLabel>(item);
                }
            }
        }
    }
}
