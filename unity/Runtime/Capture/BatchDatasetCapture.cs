using System;
using System.Collections.Generic;
using UnityEngine;
using UnityEngine.Events;

namespace UnityDepthPerception
{
    /// <summary>
    /// Captures a dataset: N images with masks, depth, objects, distances and parents, of random scenes or of your
    /// own. A run that was stopped goes on where it was; the same seed makes the same images.
    /// </summary>
    [RequireComponent(typeof(Camera))]
    [DefaultExecutionOrder(10000)]
    [AddComponentMenu("Unity Depth Perception/Batch Dataset Capture")]
    public sealed class BatchDatasetCapture : MonoBehaviour, IFrameSink
    {
        readonly LabelTable _labels = new LabelTable();

        [SerializeField]
        [Tooltip("Size of the images.")]
        CaptureSettings image = CaptureSettings.OfSize(1024, 1024);

        [SerializeField]
        [Tooltip("Images of the whole dataset.")]
        int imageCount = 100;

        [SerializeField]
        [Tooltip("Seed of the random scenes.")]
        int seed;

        [SerializeField]
        [Tooltip("Folder of the dataset; relative to the project's folder (in a build: to the persistent data path).")]
        string outputFolder = "dataset";

        [SerializeField]
        [Tooltip("Builds the random scenes. None: arrange your own scene in On Next Scene.")]
        RandomBoxScene randomScenes;

        [SerializeField]
        [Tooltip("Frames to wait after a scene was built, so that exposure and shadows settle.")]
        int settleFrames = 2;

        [SerializeField]
        bool captureOnStart = true;

        [SerializeField]
        [Tooltip("Called with the number of each image before it is taken: arrange your scene here.")]
        SceneNumberEvent onNextScene = new SceneNumberEvent();

        Camera _camera;
        FrameCapture _capture;
        DatasetWriter _writer;
        PinholeIntrinsics _intrinsics;
        int _next;
        int _framesToWait;
        long _failures;
        bool _isAwaiting;
        string _problem;

        /// <summary>An event with the number of an image.</summary>
        [Serializable]
        public sealed class SceneNumberEvent : UnityEvent<int>
        {
        }

        /// <summary>Called with the number of each image before it is taken.</summary>
        public SceneNumberEvent OnNextScene => onNextScene;

        /// <summary>Folder of the dataset, absolute.</summary>
        public string FullPath => OutputFolder.Resolve(outputFolder);

        /// <summary>Images that are on disk.</summary>
        public int Written => _writer != null ? _writer.Count : 0;

        /// <summary>Images of the whole dataset.</summary>
        public int ImageCount => imageCount;

        /// <summary>Whether images are still to come.</summary>
        public bool IsRunning => _capture != null;

        /// <summary>What the capture depends on; set it before <see cref="Begin"/>.</summary>
        /// <param name="settings">Size of the images.</param>
        /// <param name="count">Images.</param>
        /// <param name="datasetSeed">Seed of the random scenes.</param>
        /// <param name="folder">Folder of the dataset.</param>
        /// <param name="scenes">Builds the random scenes; null: your own.</param>
        public void Configure(
            CaptureSettings settings, int count, int datasetSeed, string folder, RandomBoxScene scenes)
        {
            image = settings;
            imageCount = count;
            seed = datasetSeed;
            outputFolder = folder;
            randomScenes = scenes;
        }

        /// <summary>Begins, or goes on with, the dataset.</summary>
        [ContextMenu("Capture Dataset")]
        public void Begin()
        {
            if (!Application.isPlaying)
            {
                Debug.LogWarning(name + ": datasets are captured in play mode; press Play.", this);
                return;
            }

            Stop();
            _camera = GetComponent<Camera>();
            _intrinsics = CameraReader.IntrinsicsOf(_camera, image);
            string scenes = randomScenes != null ? ", cubes of " + Text(randomScenes.CubeEdge) : "";
            _writer = new DatasetWriter(FullPath, _intrinsics, "seed " + seed + scenes);
            _capture = new FrameCapture(_camera, image, FrameParts.Color | FrameParts.DepthAndId, this, 1);
            _next = -1;
            _failures = 0;
            _problem = null;
            Advance();
        }

        /// <summary>Stops; what was captured stays, and <see cref="Begin"/> goes on.</summary>
        public void Stop()
        {
            if (_capture == null)
            {
                return;
            }

            _capture.Dispose();
            _capture = null;
            _writer.Save();
        }

        /// <inheritdoc/>
        bool IFrameSink.TakeFrame(FrameRequest frame, FrameCapture capture)
        {
            if (!frame.Intrinsics.IsCloseTo(_intrinsics, 0.01))
            {
                _problem = name + ": the camera's intrinsics have changed since the dataset was begun, and it has one "
                    + "camera. Leave field of view, sensor and lens shift as they are, or begin a new folder.";
                return false;
            }

            int pixels = image.width * image.height;
            var taken = new DatasetFrame
            {
                Name = NameOf(_next),
                Rgb = new byte[3 * pixels],
                Depth = new float[pixels],
                Ids = new ushort[pixels],
                Labels = new List<LabelEntry>(_labels.Entries),
                Pose = frame.Pose
            };
            capture.CopyRgb(frame, taken.Rgb);
            capture.CopyDepth(frame, taken.Depth);
            capture.CopyIds(frame, taken.Ids);
            _writer.Add(taken);
            _isAwaiting = false;
            return true;
        }

        static string NameOf(int number) => number.ToString("00000", System.Globalization.CultureInfo.InvariantCulture);

        static string Text(float number) => number.ToString("R", System.Globalization.CultureInfo.InvariantCulture);

        void Start()
        {
            if (captureOnStart)
            {
                Begin();
            }
        }

        void LateUpdate()
        {
            if (_capture == null)
            {
                return;
            }

            if (_problem != null)
            {
                Debug.LogError(_problem, this);
                Stop();
                return;
            }

            if (_isAwaiting && _capture.Counts.Failed == _failures)
            {
                return;
            }

            if (!_isAwaiting && _next >= 0 && _writer.Contains(NameOf(_next)))
            {
                Advance();
            }
            else if (_framesToWait > 0)
            {
                _framesToWait--;
            }
            else
            {
                Take();
            }
        }

        void OnDisable()
        {
            Stop();
        }

        void Take()
        {
            _failures = _capture.Counts.Failed;
            _labels.Refresh();
            _isAwaiting = _capture.Request(FrameStamp.FromSeconds(Time.timeAsDouble));
        }

        void Advance()
        {
            _isAwaiting = false;
            do
            {
                _next++;
            }
            while (_next < imageCount && _writer.Contains(NameOf(_next)));
            if (_next >= imageCount)
            {
                Stop();
                Debug.Log("Dataset of " + Written + " images in " + FullPath, this);
                return;
            }

            if (randomScenes != null)
            {
                randomScenes.Build(seed, _next, _camera);
            }

            onNextScene.Invoke(_next);
            _framesToWait = settleFrames;
        }
    }
}
