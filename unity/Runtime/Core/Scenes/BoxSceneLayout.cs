using System;
using System.Collections.Generic;

namespace UnityDepthPerception
{
    /// <summary>
    /// A random scene of cubes and parallelepipeds: each parallelepiped stands on a cube or on the floor, and nothing
    /// touches by accident. One seed, one scene, on every platform.
    /// </summary>
    public sealed class BoxSceneLayout
    {
        /// <summary>The colours' names.</summary>
        public static readonly string[] Colors = { "red", "orange", "yellow", "green", "blue", "purple" };

        const double Gap = 0.003;
        const int Tries = 12;
        readonly SeededRandom _random;
        readonly double _edge;
        readonly List<BoxSpec> _boxes = new List<BoxSpec>();

        /// <summary>Lays out the scene of a seed.</summary>
        /// <param name="seed">Seed of the dataset.</param>
        /// <param name="index">Number of the scene.</param>
        /// <param name="cubeEdge">Edge of the cubes [m].</param>
        public BoxSceneLayout(int seed, int index, double cubeEdge)
        {
            if (!(cubeEdge > 0))
            {
                throw new ArgumentOutOfRangeException(nameof(cubeEdge), "expected an edge > 0 m, got " + cubeEdge);
            }

            _random = new SeededRandom(seed, index);
            _edge = cubeEdge;
            PlaceBoxes();
            PlaceCamera();
        }

        /// <summary>The boxes; a parent comes before what it carries.</summary>
        public IReadOnlyList<BoxSpec> Boxes => _boxes;

        /// <summary>Position of the camera.</summary>
        public Double3 Eye { get; private set; }

        /// <summary>What the camera looks at.</summary>
        public Double3 LookAt { get; private set; }

        void PlaceBoxes()
        {
            double spread = _edge * _random.Range(1.0, 3.0);
            int cubes = 1 + _random.Index(4);
            for (int k = 0; k < cubes; k++)
            {
                TryAdd("cube", new Double3(_edge, _edge, _edge), _random.Normal(spread), _random.Normal(spread), -1);
            }

            int standing = _boxes.Count;
            for (int parent = 0; parent < standing; parent++)
            {
                if (_random.Next() < 0.6)
                {
                    Double3 on = _boxes[parent].Center;
                    double dx = _edge * _random.Range(-0.35, 0.35), dz = _edge * _random.Range(-0.35, 0.35);
                    TryAdd("parallelepiped", Elongated(0.28, 1.0, 1.9), on.X + dx, on.Z + dz, parent);
                }
            }

            int onFloor = _random.Index(4);
            for (int k = 0; k < onFloor; k++)
            {
                Double3 size = Elongated(0.3, 2.4, 2.4);
                TryAdd("parallelepiped", size, _random.Normal(spread), _random.Normal(spread), -1);
            }
        }

        Double3 Elongated(double least, double most, double mostHeight)
        {
            while (true)
            {
                double x = _random.LogRange(least, most), y = _random.LogRange(least, mostHeight);
                double z = _random.LogRange(least, most);
                double longest = Math.Max(x, Math.Max(y, z)), shortest = Math.Min(x, Math.Min(y, z));
                if (longest >= 1.6 * shortest)
                {
                    return new Double3(x * _edge, y * _edge, z * _edge);
                }
            }
        }

        void TryAdd(string shape, Double3 size, double x, double z, int parent)
        {
            string color = Colors[_random.Index(Colors.Length)];
            double floor = parent < 0 ? 0 : _boxes[parent].Top;
            for (int k = 0; k < Tries; k++)
            {
                var box = new BoxSpec
                {
                    Parent = parent,
                    Color = color,
                    Shape = shape,
                    Center = new Double3(x, floor + size.Y / 2, z),
                    Size = size,
                    YawDegrees = _random.Range(0, 360)
                };
                if (!CollidesWithAny(box))
                {
                    _boxes.Add(box);
                    return;
                }

                double shift = parent < 0 ? _edge * (0.3 + 0.3 * k) : 0;
                x += _random.Normal(shift);
                z += _random.Normal(shift);
            }
        }

        bool CollidesWithAny(BoxSpec box)
        {
            for (int k = 0; k < _boxes.Count; k++)
            {
                if (k != box.Parent && BoxFootprint.Collide(box, _boxes[k], Gap))
                {
                    return true;
                }
            }

            return false;
        }

        void PlaceCamera()
        {
            Double3 target = _boxes[_random.Index(_boxes.Count)].Center;
            double distance = _edge * _random.LogRange(7, 15);
            double pitch = _random.Range(20, 60) * Math.PI / 180, azimuth = _random.Range(0, 2 * Math.PI);
            double lateral = 0.15 * distance;
            LookAt = new Double3(
                target.X + _random.Range(-lateral, lateral), target.Y, target.Z + _random.Range(-lateral, lateral));
            Eye = new Double3(
                LookAt.X + distance * Math.Cos(azimuth) * Math.Cos(pitch),
                LookAt.Y + distance * Math.Sin(pitch),
                LookAt.Z + distance * Math.Sin(azimuth) * Math.Cos(pitch));
        }
    }
}
