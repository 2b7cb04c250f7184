// A coloured surface under a sun that does not move, the same in every render pipeline and in every build. Without
// shadows; _Shading 0 gives the plain colour.
Shader "UnityDepthPerception/FlatShaded"
{
    Properties
    {
        [MainColor] _Color ("Color", Color) = (1, 1, 1, 1)
        _Shading ("Shading", Range(0, 1)) = 0.6
    }

    SubShader
    {
        Tags { "Queue" = "Geometry" "RenderType" = "Opaque" }

        Pass
        {
            Cull Off
            ZTest LEqual
            ZWrite On
            Blend Off

            CGPROGRAM
            #pragma vertex Vertex
            #pragma fragment Fragment
            #include "UnityCG.cginc"

            fixed4 _Color;
            half _Shading;

            struct Interpolated
            {
                float4 position : SV_POSITION;
                half3 normal : TEXCOORD0;
            };

            Interpolated Vertex(float4 vertex : POSITION, float3 normal : NORMAL)
            {
                Interpolated output;
                output.position = UnityObjectToClipPos(vertex);
                output.normal = UnityObjectToWorldNormal(normal);
                return output;
            }

            fixed4 Fragment(Interpolated input) : SV_Target
            {
                half light = saturate(dot(normalize(input.normal), normalize(half3(0.4, 0.8, -0.45))));
                return fixed4(_Color.rgb * (1 - _Shading + _Shading * light), 1);
            }
            ENDCG
        }
    }
}
