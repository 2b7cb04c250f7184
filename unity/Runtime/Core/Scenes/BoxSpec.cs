namespace UnityDepthPerception
{
    /// <summary>A cube or parallelepiped of a scene, in Unity's axes (y up).</summary>
    public sealed class BoxSpec
    {
        /// <summary>Index of the box that carries it; -1: the floor does.</summary>
        public int Parent = -1;

        /// <summary>Name of its colour, such as red.</summary>
        public string Color;

        /// <summary>cube or parallelepiped.</summary>
        public string Shape;

        /// <summary>Its middle [m].</summary>
        public Double3 Center;

        /// <summary>Edge lengths [m].</summary>
        public Double3 Size;

        /// <summary>Rotation about the y axis [degrees].</summary>
        public double YawDegrees;

        /// <summary>Its category.</summary>
        public string Category => Color + "_" + Shape;

        /// <summary>Height of its upper face [m].</summary>
        public double Top => Center.Y + Size.Y / 2;
    }
}
