using System;

namespace UnityDepthPerception
{
    /// <summary>
    /// Random numbers that are the same for a seed on every platform and in every version (SplitMix64,
    /// https://prng.di.unimi.it/splitmix64.c). System.Random and UnityEngine.Random promise neither.
    /// </summary>
    public sealed class SeededRandom
    {
        ulong _state;

        /// <summary>Makes a generator.</summary>
        /// <param name="seed">Its seed.</param>
        /// <param name="stream">Number of the sequence; each seed has many.</param>
        public SeededRandom(int seed, int stream = 0)
        {
            _state = ((ulong)(uint)seed << 32) | (uint)stream;
            NextBits();
        }

        /// <summary>A number of 0 (inclusive) to 1 (exclusive).</summary>
        public double Next() => (NextBits() >> 11) * (1.0 / (1UL << 53));

        /// <summary>A number between two.</summary>
        public double Range(double least, double most) => least + (most - least) * Next();

        /// <summary>A whole number from 0 to <paramref name="count"/> - 1.</summary>
        public int Index(int count) => Math.Min(count - 1, (int)(Next() * count));

        /// <summary>A number whose logarithm is even between those of two.</summary>
        public double LogRange(double least, double most) => Math.Exp(Range(Math.Log(least), Math.Log(most)));

        /// <summary>A normally distributed number (Box and Muller 1958).</summary>
        public double Normal(double deviation)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - Next()));
            return deviation * radius * Math.Cos(2 * Math.PI * Next());
        }

        ulong NextBits()
        {
            unchecked
            {
                _state += 0x9e3779b97f4a7c15;
                ulong z = _state;
                z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
                z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
                return z ^ (z >> 31);
            }
        }
    }
}
