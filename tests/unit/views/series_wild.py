"""Names of MRI series as users of different scanners and languages may type them, made up for the tests."""

# View ("" for none) -> names between bars.
_TEXTS = {
    "4CH": """
        cine_tf2d12_retro_iPAT_4ch|CINE 4 Kammerblick|4-Kammer-Blick cine|4KB_cine|Ciné 4 cavités|
        CINE_4CAV|cine 4 cavites FIESTA|cine 4 cámaras|CINE 4 CAMARAS|cine 4 camere|
        cine 4 câmaras bFFE|4 kamer cine|4-kammare cine|B-TFE BH 4CH|4C B-TFE|HLA b-FFE|
        2D FIESTA 4 CH ASSET|4ch TrueSSFP Cine SPEEDER|4ch_cine_25 phases|cine 4ch retro gated|
        cine 4ch iPAT 2 GRAPPA|cine_ssfp_4-chamber|la_4ch_cine|Long axis 4 chamber cine|4CV cine|
        LAX 4CH cine retro|cine_trufi_4Ch_retro_iPAT|FIESTA Cine 4CH ARC|CINE HLAX|cine 4ch 8mm|
        s4CH BTFE BH|4chamber_SSFP|cine_4ch_ND|SSFP CINE 4CH HR 60|CINE BTFE 4CH M2D|
        four chamber FIESTA|4 ch trufi cine|CINE_4CH_BH_FIESTA_30ph|cine-4ch-trufi-iPAT2|BTFE 4ch CLEAR|
        4-Kammer Cine TruFISP retro|Cine TFE 4CH|s4CH_BFFE|4CH_SSFP_gated|cine_trueFISP_4_chamber|
        4 CHB cine|FIESTA HLA|4CAM FIESTA|4C cine|hla cine ssfp|cine_bh_hla|4-chamber cine 20 sl|
        LA 4ch cine|4ch_BH_cine_tf2d|CINE SSFP 2D 4CH|Cine 4-cavites retro|b-SSFP 4ch|
        4 chamber SSFP cine bh|2D CINE FIESTA 4CH|4CH CINE BTFE|sBTFE_4CH|cine SSFP long axis 4 ch|
        trufi_cine_4ch_p2|CINE SSFP 4CH 1|4 chamber view cine|tfi2d_cine_4ch|BH 4CH cine FIESTA 24 VPS|
        LAX4CH_cine|cine_4CH_lowres|M2D/BTFE/4CH|bFFE_4CH_M2D|4ch_SSFP_cine_GRAPPA2|hor long axis cine|
        CINE 4 chb|4 Kammerblick TrueFISP cine|FIESTA 4-CH 2
    """,
    "3CH": """
        tf2d14_retro_3ch|3-Kammerblick cine|3KB cine|LVOT-cine|LVOT B-TFE BH|cine 3 cavites|
        cine 3 camaras|cine 3 camere|3 kamer cine|LVOT 3CH FIESTA|Cine 3Ch ARC|3ch sBTFE BH|
        cine_3ch_LVOT_trufi|la_3ch_cine|cine ssfp 3 chamber|3CV BFFE|3 chamber LVOT cine SSFP|
        APLAX cine|TrueSSFP 3CH cine|LVOT_FIESTA_BH|cine_3ch_BH_FIESTA|3-chamber bSSFP|sBTFE_3CH|
        3CH CINE BTFE|3 Kammer Blick cine|CINE_LVOT_3CH|cine lax 3ch tf2d|3 chamber cine retro ipat|
        LAX LVOT cine|LVOT SSFP cine|trufi_cine_3ch_p2|3 chamber view cine|LVOT_cine_trufi_retro|
        BH 3CH FIESTA 24 VPS|M2D/BTFE/3CH|3CH CINE SSFP|LVOT1 cine|cine_LVOT_2
    """,
    "2CH": """
        2KB cine|2-Kammerblick_cine|cine 2 cavités|cine 2 cámaras|2 camere cine|2-kamer cine|
        2-Ch FIESTA BH|BTFE_BH_2CH_SENSE|VLA BTFE_BH|cine_tf2d15_2ch_retro|2CH cine ECG|la_2ch_cine|
        VLAX cine 2ch|cine 2D SSFP 2 chamber|LV 2ch cine|two chamber cine|2CV cine trufi|
        cine_2ch_bh_retro 25phs|cine_2ch_BH_FIESTA|LAX 2ch cine|vertical long axis cine|VLA cine ssfp|
        2-chamber bSSFP|sBTFE_2CH|2CAM FIESTA|2 Kammer cine trufi|cine_bh_vla|LV VLA cine|
        cine 2ch trueFISP|trufi_cine_2ch_p2|2 chamber view cine|BH 2CH FIESTA 24 VPS|M2D/BTFE/2CH|
        VLA_cine_trufi_retro|cine 2 chb|vert long axis cine|2CH_LV_cine|left 2CH cine
    """,
    "SAX": """
        tf2d14_retro_sax|trufi_retro_sa_stack|kurze Achse cine|Kurzachse cine|KA_cine_stack|cine_KA|
        petit axe cine|CINE PETIT AXE|cine eje corto|eje corto FIESTA|asse corto cine|eixo curto cine|
        korte as cine|kortaxel cine|SA_B-TFE_M2D|B-TFE BH SA|BTFE_SA_12sl|sBTFE_BH SA multislice|
        Cine SHA|Cine FIESTA SA|FIESTA CINE SHORT AXIS|FIESTA SAX Cine ARC|True SSFP cine SAX|
        Cine_SSFP_Short Axis|LV short axis cine|LVSA cine|SA LV cine|SAX_cine_slice_3|sax_cine_8mm|
        cine sax 30 phases|CINE_SAX_12_slices|cine SAX R-R|CINE_segmented_SAX_b11|
        short-axis stack cine SSFP|SAX cine retro iPAT2|cine_sa_stack|SAX bSSFP 10 slices|
        sax_stack_cine|cine_shortaxis_trufi|SAx CINE retro|CINE_SAX_BH_FIESTA|sa cine stack 8mm|
        SAX_FIESTA_30ph|SAX-cine-trufi|SA bSSFP stack|Cine SA 10 slices|short axis FIESTA ASSET|
        Short-Axis SSFP|cine_short_axis_stack|SAX cine (12 slices)|CINE SAX STACK LV|tf2d_sax_retro|
        BTFE_SHORT_AXIS|SA BTFE multi slice|cine SAX 8mm gap 2|sax_cine_retro_10sl|Kurzachsen cine|
        cine coupe petit axe|cine_LV_short_axis|FIESTA short axis stack|2D FIESTA SA|cine-sa|
        Cine_SAX_6mm|SA CINE MULTISLICE 8/2|SHORT AX CINE|SAX_bFFE|trufi_cine_sax_p2|
        tfi2d SAX cine 10 sl|BH SAX FIESTA 24 VPS|M2D/BTFE/SA|SA_cine_trufi_retro|short axis view cine|
        SAX cine basal to apical|CINE SAX 1-12|short axis LV function|LV function SAX|SA_function|
        cine sax gap 2mm|sax cine iPAT|SAX cine SMS2|CINE_SAX_SEG
    """,
    "": """
        4CH LGE PSIR|SAX late enhancement|SAX_MOLLI_pre|T1 map SAX|tagging sax|SAX CSPAMM|
        cine_4CH_tag|2ch_loc|4CH scout|pilot 4ch|localizer_SAX|haste sax|STIR SA|T2w SAX|TSE SA|
        T2 prep SAX|sax rest perfusion|stress_SA|first pass SAX|FPP SA|SA DYN|EGE sax|
        early enhancement 2ch|late gad 4ch|LE_4CH|rehaussement tardif 4 cavites|realce tardio 4 camaras|
        Spaetaufnahme 4 Kammerblick|4KB KM spaet|RV 2CH cine|RVOT cine|RV long axis cine|RV_4CH cine|
        transaxial cine|cine axial|Ao arch cine|aorta cine|aortic valve cine|AV en face cine|
        pulmonary valve cine|MV cine|TV cine|LVOT flow|LVOT venc 150|PC 4ch|through plane flow SA|
        QF SAX|4D flow|T2star SA|T2* SA|T1rho sax|DWI SAX|diffusion_SAX|DENSE SAX|SENC 4ch|
        HARP sax|dark blood SAX|dark_blood_4ch|black blood SAX|IR_TFE_SA|TI scout SAX|look-locker sax|
        RT cine SAX|realtime SAX|real time 4ch|free breathing cine SAX|MyoMaps SAX|ECV SAX|SASHA SAX|
        ShMOLLI SAX mid|Dixon SAX|VIBE 4ch|mDIXON 4ch|whole heart navigator|PSMDE SA|2D SS MDE SAX|
        SAX phase|cine LVOT coronal|LVOT_cor_cine|cine LVOT sagittal|cine_ao_sinus|cine sagital RV|
        cine pulmonary artery|SAX_perf_stress_adenosine|sBTFE_NAV_3D|T1 native SAX|T2 map 4ch|
        SAX EGE early gad|survey 4ch|interactive realtime|SAX fat sat|cine_candy_cane|SAX_cine_tagged|
        LGE petit axe|viability SA|4ch delayed|cine_IVC|strain_encoded_SAX|Screenshot 4CH|SAX results|
        cvi42 sax|flash_tag_4ch|SAX ghost mag|LGE_sax_stack|2D PSIR SAX|psir_4ch_late|SAX T2 STIR BB|
        cine_RVLAX|RVLA cine|RV inflow outflow cine|cine_3ch_RV|T2_TIRM_sax|TIRM 4ch|t2_blade_sax|
        SAX_T2map|SA_T1map_post|MOLLI 5(3)3 SAX|4ch_T1_MOLLI|perfusion SAX rest|dyn_perf_sax|
        AdenosinePerf_SA|TFL_sax_3slices|tfl_4ch|scout 2ch|trufi_loc_4ch|2ch_scout_trufi|
        localizer_4ch_trufi|pseudo SAX|pseudo 4ch|SAX planning|cine_aortic_root|ao_arch_cine|
        cine_bifurcation|cine RPA|flow_mitral_sax|PC_Ao|Qflow_LVOT|venc200 3ch|SAX_4Dflow|CSPAMM_4ch|
        SPAMM SAX|GRID SAX|strain SAX|sSENC SAX|fast SENC 4CH|tag_lvsa|DIR_SAX|HASTE_4ch|
        IR_cine_SAX|TIscout_sax|LookLocker_4ch|delayed_enh_3ch|MDE 4CH|DE_SAX|LGE 3D SA|
        wideband LGE SAX|FatSat SAX T1|SAX T1 TSE post Gd|Gd 4ch|kontrast 4ch|adenosine sax|ADEN SA|
        STRESS sax perf MOCO|cine realtime sax exercise|SAX rt free-breathing|ungated SAX|
        CS cine SAX realtime|navigator SAX|coro 4ch|SVC 4ch|4ch fat water|sax_mag|sax_phase|sax_sub|
        Cine IR SAX|vein cine|tumor cine axial|pericard cine tagging|transversal cine|cine_tra|
        cine coronal|sagittal cine|oblique cine|MIP SAX|4CH LATE GD|t1_fl2d_psir_sax|TFL_PSIR_4ch|
        SA late|DE_4CH_10min|PhaseSense SAX|SAX_T1_MOLLI_native|tse_t2_stir_4ch|HASTE multi|AX HASTE|
        perf_tfl_sax|sax_dynamic_perf|EPI_perf_SA|VE_11 localizer|loc cine 4ch|pilot SA|quick SA|
        PC_flow_PA|AoV flow|SA_tag_8mm|SAX RV stack cine|RV cine axial stack|trans cine|
        paracoronal cine|LPA cine|RV3CH cine|RVOT1 cine|cine_PV|AV cine sax|3D SSFP nav|
        native T1 4CH|T2prep SSFP SAX|SSFP inversion SAX|rtCine SAX|cine rt 4ch|CINE SAX FB|
        4CH pseudo localizer|sax T2* dark blood|SA bb t2star
    """,
}
NAMES = {view: [name.strip() for name in text.split("|")] for view, text in _TEXTS.items()}
