// Planar depth [m] in red and the object's id in green, for any render pipeline: nothing but UnityCG.
// The global is not in a Properties block, or CommandBuffer.SetGlobalFloat would not reach it.
Shader "Hidden/UnityDepthPerception/DepthAndId"
{
    SubShader
    {
        Pass
        {
            // Winding is inverted where the engine flips the image; with Cull Off it does not matter.
            Cull Off
            ZTest LEqual
            ZWrite On
            Blend Off

            CGPROGRAM
            #pragma vertex Vertex
            #pragma fragment Fragment
            #include "UnityCG.cginc"

            float _UnityDepthPerceptionId;

            struct Interpolated
            {
                float4 position : SV_POSITION;
                float depth : TEXCOORD0;
            };

            Interpolated Vertex(float4 vertex : POSITION)
            {
                Interpolated output;
                output.position = UnityObjectToClipPos(vertex);
                output.depth = -UnityObjectToViewPos(vertex).z;
                return output;
            }

            float4 Fragment(Interpolated input) : SV_Target
            {
                return float4(input.depth, _UnityDepthPerceptionId, 0, 1);
            }
            ENDCG
        }
    }
}
