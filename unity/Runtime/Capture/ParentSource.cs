namespace UnityDepthPerception
{
    /// <summary>How the object that a labelled object stands on is found.</summary>
    public enum ParentSource
    {
        /// <summary>By contact: the labelled object whose top touches this one's bottom and bears most of it.</summary>
        Contact = 0,

        /// <summary>As given in the inspector.</summary>
        Given = 1
    }
}
