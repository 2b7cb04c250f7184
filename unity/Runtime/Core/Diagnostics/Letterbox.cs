using System;

namespace UnityDepthPerception
{
    /// <summary>Where the pixels of an image lie on a screen that shows all of it, centred and undistorted.</summary>
    public readonly struct Letterbox
    {
        /// <summary>Screen pixels for one pixel of the image.</summary>
        public readonly double Scale;

        /// <summary>Screen column of the image's left edge.</summary>
        public readonly double Left;

        /// <summary>Screen row of the image's upper edge, from the screen's upper edge (as GUI has it).</summary>
        public readonly double Top;

        /// <summary>Fits an image into a screen.</summary>
        public Letterbox(int width, int height, int screenWidth, int screenHeight)
        {
            Scale = Math.Min((double)screenWidth / width, (double)screenHeight / height);
            Left = (screenWidth - Scale * width) / 2;
            Top = (screenHeight - Scale * height) / 2;
        }

        /// <summary>Screen column of an image's column, counted from its left edge.</summary>
        public double X(double column) => Left + Scale * column;

        /// <summary>Screen row of an image's row, counted from its upper edge.</summary>
        public double Y(double row) => Top + Scale * row;
    }
}
