using System;

namespace UnityDepthPerception
{
    /// <summary>Where the pixels of a picture lie on a screen that shows all of it, centred and undistorted.</summary>
    public readonly struct Letterbox
    {
        /// <summary>Screen pixels for one pixel of the picture.</summary>
        public readonly double Scale;

        /// <summary>Screen column of the picture's left edge.</summary>
        public readonly double Left;

        /// <summary>Screen row of the picture's upper edge, from the screen's upper edge (as GUI has it).</summary>
        public readonly double Top;

        /// <summary>Fits a picture into a screen.</summary>
        public Letterbox(int width, int height, int screenWidth, int screenHeight)
        {
            Scale = Math.Min((double)screenWidth / width, (double)screenHeight / height);
            Left = (screenWidth - Scale * width) / 2;
            Top = (screenHeight - Scale * height) / 2;
        }

        /// <summary>Screen column of a picture's column, counted from its left edge.</summary>
        public double X(double column) => Left + Scale * column;

        /// <summary>Screen row of a picture's row, counted from its upper edge.</summary>
        public double Y(double row) => Top + Scale * row;
    }
}
