using UnityEngine;

/// <summary>What HDRP adds to its cameras, as far as the package looks at it by name.</summary>
public sealed class HDAdditionalCameraData : MonoBehaviour
{
    public bool hasPersistentHistory;
}
