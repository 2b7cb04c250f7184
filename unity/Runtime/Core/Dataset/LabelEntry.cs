namespace UnityDepthPerception
{
    /// <summary>A row of the table of labelled objects: what a value of the instance image stands for.</summary>
    public readonly struct LabelEntry
    {
        /// <summary>Parent of an object that stands on no labelled object.</summary>
        public const int NoParent = -1;

        /// <summary>The object's id; its value in the instance image is id + 1.</summary>
        public readonly int Id;

        /// <summary>Its category, such as red_cube.</summary>
        public readonly string Category;

        /// <summary>Id of the object that carries it, or <see cref="NoParent"/>.</summary>
        public readonly int ParentId;

        /// <summary>Makes an entry.</summary>
        public LabelEntry(int id, string category, int parentId = NoParent)
        {
            Id = id;
            Category = category;
            ParentId = parentId;
        }
    }
}
